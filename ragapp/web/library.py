"""The left of the page: choose, make and delete knowledge bases; add and delete documents."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ragapp.errors import KnowledgeBaseBusy, RagappError
from ragapp.index.store import StoredDocument
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.uploads.deletion import Deletions
from ragapp.uploads.queue import IngestQueue
from ragapp.web import render
from ragapp.web.drop import DROPPED_EVENT, drop_zone_html
from ragapp.web.labels import Labels
from ragapp.web.panes import html_pane
from ragapp.words.interface import STRINGS, Strings

if TYPE_CHECKING:
    from gradio.components import HTML, Button, Dropdown, Textbox

LATE_FRAME_S = 0.4
"""A picture that was being drawn when another base was chosen arrives within this."""
POLL_S = 0.15
"""How often the rows of files at work are drawn anew at most."""

# The buttons of the list live in HTML; the confirmed deletion comes back as an event.
DELETE_EVENT = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-document]');
  if (!button) return;
  const {kb, document, path} = button.dataset;
  trigger('delete_document', {kb, document: Number(document), source: path});
});
"""

# What was said has buttons, too: each says by itself what it is for.
SAID_EVENTS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const {undo, deleteKb} = button.dataset;
  if (undo !== undefined) trigger('undo_delete', {token: undo});
  else if (deleteKb !== undefined) trigger('delete_kb', {kb: deleteKb});
  else if (button.id === 'keep-kb') trigger('keep_kb', {});
});
"""


@dataclass(frozen=True, slots=True)
class LibraryPanel:
    """The components that others wire."""

    kb: Dropdown
    new_name: Textbox
    create: Button
    place: HTML
    delete: Button
    drop: HTML
    files: HTML
    stop: Button
    clear: Button
    said: HTML
    documents: HTML


@dataclass(frozen=True, slots=True)
class FilesFrame:
    """The files at work; ``documents`` None: the list stays."""

    files: str
    active: bool
    any_rows: bool
    documents: str | None = None


def build_library(labels: Labels, names: Sequence[str], first: str) -> LibraryPanel:
    """Lay out the library column."""
    kb = labels.bind(
        gr.Dropdown(names, value=first, elem_id="kb", interactive=True, filterable=False),
        lambda s: {"label": s.knowledge_base},
    )
    with labels.bind(gr.Accordion(elem_id="new-kb", open=False), lambda s: {"label": s.new}):
        new_name = labels.bind(
            gr.Textbox(elem_id="new-name", max_lines=1), lambda s: {"label": s.new_name}
        )
        create = labels.bind(
            gr.Button(elem_id="create", size="sm"), lambda s: {"value": s.create}
        )  # fmt: skip
    with labels.bind(gr.Accordion(elem_id="manage", open=False), lambda s: {"label": s.manage}):
        place = html_pane("place")
        delete = labels.bind(
            gr.Button(elem_id="delete-kb", size="sm"), lambda s: {"value": s.delete_kb}
        )
    said = html_pane("said", js_on_load=SAID_EVENTS)
    drop = labels.bind(
        html_pane("drop", js_on_load=DROPPED_EVENT), lambda s: {"value": drop_zone_html(s)}
    )
    files = html_pane("files")
    with gr.Row(elem_id="files-buttons"):
        stop = labels.bind(
            gr.Button(elem_id="stop-ingest", size="sm", visible=False),
            lambda s: {"value": s.stop_ingest},
        )
        clear = labels.bind(
            gr.Button(elem_id="clear-files", size="sm", visible=False),
            lambda s: {"value": s.clear},
        )
    documents = html_pane("documents", js_on_load=DELETE_EVENT)
    return LibraryPanel(
        kb,
        new_name,
        create,
        place,
        delete,
        drop,
        files,
        stop,
        clear,
        said,
        documents,
    )


class LibraryColumn:
    """Knowledge bases and documents for the page. Texts come back as HTML."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.settings = library.settings
        self.queue = IngestQueue(library)
        self._deletions = Deletions(library, self.queue)
        self._followers: dict[str, object] = {}

    def names(self) -> list[str]:
        """Return the knowledge bases to choose from: the default one can be chosen unmade."""
        return self._library.names(LOCAL) or [self.settings.kb]

    def pull_command(self) -> str:
        """Return the command that fetches the chat model."""
        return self._library.models.pull_command()

    def first_choice(self) -> str:
        """Return the knowledge base to begin with."""
        names = self.names()
        wanted = self.settings.kb
        return wanted if wanted in names else names[0]

    def documents(self, kb: str) -> Sequence[StoredDocument]:
        """List the documents of a knowledge base; one that is not made yet has none."""
        if kb not in self._library.names(LOCAL):
            return []
        return self._library.documents(kb, LOCAL)

    def documents_html(self, kb: str, strings: Strings) -> str:
        """Render the list of documents, or why there is none to show."""
        try:
            return render.documents_html(kb, self.documents(kb), strings)
        except RagappError as error:
            return render.error_html(error, strings)

    def place_html(self, kb: str, strings: Strings) -> str:
        """Say where a knowledge base and the models are on disk."""
        return render.places_html(
            {strings.folder: str(self._folder(kb)), strings.models: str(self.settings.models)}
        )

    def create(self, name: str, language: str) -> tuple[str | None, str]:
        """Make a knowledge base. Returns its name, None when it was refused, and what to say."""
        strings = STRINGS[language]
        try:
            self._library.create(name.strip(), LOCAL)
        except RagappError as error:
            return None, render.error_html(error, strings)
        return name.strip(), render.notice_html(strings.created.format(name=name.strip()), "good")

    def warn_before_deleting(self, kb: str, language: str) -> str:
        """Say what deleting a knowledge base means, with the button that deletes it."""
        strings = STRINGS[language]
        try:
            return render.delete_kb_html(kb, len(self.documents(kb)), strings)
        except RagappError as error:
            return render.error_html(error, strings)

    def delete(self, kb: str, language: str) -> str:
        """Delete a knowledge base. Returns what to say."""
        strings = STRINGS[language]
        if self.queue.state(kb).active:
            return render.notice_html(strings.busy, "bad")
        try:
            self._library.delete(kb, LOCAL)
        except RagappError as error:
            return render.error_html(error, strings)
        self.queue.clear(kb)
        return render.notice_html(strings.deleted_kb.format(name=kb), "good")

    def delete_document(self, kb: str, document_id: int, path: str, language: str) -> str:
        """Take a document out, if base, id and path are of one. Returns what to say."""
        strings = STRINGS[language]
        try:
            deletion = self._deletions.delete(kb, document_id, path, LOCAL)
        except KnowledgeBaseBusy:
            return render.notice_html(strings.busy, "bad")
        except RagappError as error:
            return render.error_html(error, strings)
        if deletion is None:
            return render.notice_html(strings.gone_already, "bad")
        return render.deleted_html(deletion, strings)

    def undo_deletion(self, token: str, language: str) -> tuple[str | None, str]:
        """Bring a document back. Returns its knowledge base, None if it was too late, and words."""
        strings = STRINGS[language]
        deletion = self._deletions.undo(token, LOCAL)
        if deletion is None:
            return None, render.notice_html(strings.too_late_to_undo, "bad")
        name = deletion.document.name
        return deletion.kb, render.notice_html(strings.coming_back.format(name=name), "good")

    def follow(self, kb: str, language: str, session: str) -> Iterator[FilesFrame | None]:
        """Show the files at work until all are done, and the documents as they become searchable.

        The first frame and the last carry the list of documents, whatever was shown before. A
        later call for the same browser session takes over: the earlier one then ends early, with
        None for "all stays", because Gradio shows the last frame once more when a handler ends.
        """
        strings = STRINGS[language]
        mine = self._followers[session] = object()
        listed = ""
        state = self.queue.state(kb)
        while state.active:
            documents = self.documents_html(kb, strings)
            if self._followers.get(session) is not mine:
                yield None
                return
            changed = None if documents == listed else documents
            yield FilesFrame(render.files_html(state.rows, strings, state.run), True, True, changed)
            listed = documents
            self.queue.wait(state.version, timeout_s=5.0)
            time.sleep(POLL_S)
            state = self.queue.state(kb)
        # Said twice: the last picture of another base may still have been on its way.
        for pause_s in (0.0, LATE_FRAME_S):
            time.sleep(pause_s)
            if self._followers.get(session) is not mine:
                yield None
                return
            yield FilesFrame(
                render.files_html(state.rows, strings),
                False,
                bool(state.rows),
                self.documents_html(kb, strings),
            )

    def forget(self, session: str) -> None:
        """End what is shown to a closed tab; the files themselves are worked on to the end."""
        self._followers.pop(session, None)

    def _folder(self, kb: str) -> Path:
        return self._library.folder(kb, LOCAL)
