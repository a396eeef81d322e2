"""The page: three columns, and which event changes what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import gradio as gr

from ragapp.errors import RagappError
from ragapp.library import Library
from ragapp.text.language import Language
from ragapp.web import render
from ragapp.web.chat import Chat, ChatPanel, Frame, build_chat
from ragapp.web.drop import logout_html
from ragapp.web.inbox import Inbox
from ragapp.web.labels import Labels
from ragapp.web.language import choose_interface
from ragapp.web.library import FilesFrame, LibraryColumn, LibraryPanel, build_library
from ragapp.web.panes import html_pane
from ragapp.web.visitor import OpenPages, page_of, session_of
from ragapp.web.warmup import Readiness, Warmup
from ragapp.words.interface import STRINGS, Strings

LANGUAGES = [("中文", Language.CHINESE.value), ("English", Language.ENGLISH.value)]

# Every handler may run beside others of the same session: progress, answer and clicks.
EVENT: dict[str, Any] = {
    "show_progress": "hidden",
    "concurrency_limit": None,
    "api_visibility": "private",
}
SET_PAGE_LANGUAGE = (
    "(kb, language) => { document.documentElement.lang = language; return [kb, language]; }"
)
MOST_EVENTS = 1000
"""Events at once, over all open pages; of each session a few last as long as a page (``stay``)."""
CLOSED_AFTER_S = 1.0

# Only where the focus is nobody's: a reader may be on a citation mark by now.
FOCUS_QUESTION = """() => {
  const at = document.activeElement;
  if (at && at !== document.body && !at.closest('#ask')) return;
  document.querySelector('#question textarea')?.focus({ preventScroll: true });
}"""


def build_app(
    library: Library, inbox: Inbox, *, logout: bool
) -> tuple[gr.Blocks, Callable[[], None]]:
    """Assemble the page. Returns it, and what asks all its work to stop."""
    settings = library.settings
    language = choose_interface(settings.web.language, None, "")
    labels = Labels(STRINGS[language])
    column = LibraryColumn(library)
    column.queue.recover()
    chat, warmup = Chat(library, column.queue), Warmup(library)
    with gr.Blocks(analytics_enabled=False, title="ragapp", fill_width=True) as page:
        with gr.Row(elem_id="top"):
            html_pane("name", '<h1 class="name">ragapp</h1>')
            labels.bind(html_pane("jump"), lambda s: {"value": render.jump_html(s)})
            status = html_pane("status")
            chosen = gr.Radio(
                LANGUAGES,
                value=language.value,
                label="语言 / Language",
                show_label=False,
                container=False,
                elem_id="language",
            )
            if logout:
                labels.bind(html_pane("logout"), lambda s: {"value": logout_html(s)})
        with gr.Row(elem_id="columns"):
            with gr.Column(elem_id="library"):
                library_panel = build_library(labels, column.names(), column.first_choice())
            with gr.Column(elem_id="chat"):
                chat_panel = build_chat(labels, settings.answer.answer_mode)
            with gr.Column(elem_id="evidence-column"):
                labels.bind(html_pane("evidence-title"), lambda s: {"value": render.title_html(s)})
                evidence = html_pane("evidence", render.evidence_html([], labels.first))
        _wire_chat(chat, chat_panel, evidence, library_panel, chosen)
        _wire_documents(column, library_panel, chosen, inbox)
        _wire_knowledge_bases(column, library_panel, chosen)
        _wire_page(page, column, library_panel, chat, chat_panel, labels, warmup, status,
                   evidence, chosen)  # fmt: skip
    page.max_threads = MOST_EVENTS
    page.queue()

    def stop() -> None:
        chat.conversations.stop_all()
        column.queue.stop_all()

    return page, stop


def _wire_chat(
    chat: Chat, panel: ChatPanel, evidence: gr.HTML, library: LibraryPanel, chosen: gr.Radio
) -> None:
    def answer(
        question: str, kb: str, mode: str, language: str, request: gr.Request
    ) -> Iterator[list[Any]]:
        idle = [gr.skip(), gr.update(visible=True), gr.update(visible=False)]
        if not question.strip():
            yield [*_frame(Frame()), *idle]
            return
        # Gradio now and then loses the one update that shows a hidden button (seen in a third of
        # runs when more updates follow at once), so every picture says it again.
        cleared = gr.update(value="")
        for frame in chat.answer(question.strip(), kb, mode, language, page_of(request)):
            if frame.evidence is not None:
                cleared = gr.skip()  # from here on the next question may be typed
            yield [*_frame(frame), cleared, gr.update(visible=False), gr.update(visible=True)]
        yield [*_frame(Frame()), *idle]

    def stop(request: gr.Request) -> None:
        chat.conversations.of(page_of(request)).stop()

    def new(language: str, request: gr.Request) -> list[Any]:
        chat.conversations.of(page_of(request)).clear()
        return _frame(chat.show(page_of(request), language))

    pictures = [panel.past, panel.live, evidence]
    asked = gr.on(
        [panel.question.submit, panel.send.click],
        answer,
        [panel.question, library.kb, panel.mode, chosen],
        [*pictures, panel.question, panel.send, panel.stop],
        trigger_mode="once",
        **EVENT,
    )
    # Also after an unforeseen failure the page must be ready for the next question.
    asked.then(
        lambda: [gr.update(visible=True), gr.update(visible=False)],
        None,
        [panel.send, panel.stop],
        **EVENT,
    ).then(None, js=FOCUS_QUESTION)
    panel.stop.click(stop, **EVENT)
    panel.new.click(new, [chosen], pictures, **EVENT)


def _wire_documents(
    library: LibraryColumn, panel: LibraryPanel, chosen: gr.Radio, inbox: Inbox
) -> None:
    files = _files_components(panel)

    def upload(
        kb: str, language: str, request: gr.Request, event: gr.EventData
    ) -> Iterator[list[Any]]:
        # While the files were on their way, another knowledge base may have been chosen.
        wanted = getattr(event, "kb", kb)
        into = wanted if wanted in library.names() else kb
        try:
            uploads = inbox.claim(session_of(request), getattr(event, "tokens", None))
        except RagappError as error:
            said = render.error_html(error, STRINGS[language])
            yield [said, *(gr.skip() for _ in files), gr.skip()]
            return
        library.queue.add(into, uploads)
        yield ["", *(gr.skip() for _ in files), gr.skip()]
        for frame in library.follow(kb, language, page_of(request)):
            # The first upload makes the knowledge base; the list of them is new then. What is
            # chosen stays: the person may have chosen another one meanwhile.
            ended = frame is not None and not frame.active
            choices = gr.update(choices=library.names()) if ended else gr.skip()
            yield [gr.skip(), *_files(frame), choices]

    def clear(kb: str, language: str, request: gr.Request) -> list[Any]:
        library.queue.clear(kb)
        return _files(next(library.follow(kb, language, page_of(request))))

    def delete(kb: str, language: str, request: gr.Request, event: gr.EventData) -> list[Any]:
        session_of(request)
        row = (str(event.kb), int(event.document), str(event.source))
        said = library.delete_document(*row, language)
        return [said, library.documents_html(kb, STRINGS[language])]

    def undo(
        kb: str, language: str, request: gr.Request, event: gr.EventData
    ) -> Iterator[list[Any]]:
        session_of(request)
        _, said = library.undo_deletion(str(event.token), language)
        yield [said, *(gr.skip() for _ in files)]
        for frame in library.follow(kb, language, page_of(request)):
            yield [gr.skip(), *_files(frame)]

    panel.drop.dropped(
        upload,
        [panel.kb, chosen],
        [panel.said, *files, panel.kb],
        trigger_mode="multiple",
        **EVENT,
    )
    panel.stop.click(library.queue.stop, [panel.kb], **EVENT)
    panel.clear.click(clear, [panel.kb, chosen], files, **EVENT)
    panel.documents.delete_document(
        delete, [panel.kb, chosen], [panel.said, panel.documents], **EVENT
    )
    panel.said.undo_delete(undo, [panel.kb, chosen], [panel.said, *files], **EVENT)


def _wire_knowledge_bases(library: LibraryColumn, panel: LibraryPanel, chosen: gr.Radio) -> None:
    def choose(kb: str, language: str, request: gr.Request) -> Iterator[list[Any]]:
        place = library.place_html(kb, STRINGS[language])
        for frame in library.follow(kb, language, page_of(request)):
            yield [place, *_files(frame)]

    def create(name: str, language: str) -> Iterator[list[Any]]:
        yield [gr.skip(), gr.skip(), render.notice_html(STRINGS[language].loading)]
        made, said = library.create(name, language)
        if made is None:
            yield [gr.skip(), gr.skip(), said]
        else:
            yield [_choices(library, made), "", said]

    def delete(
        chosen_kb: str, language: str, request: gr.Request, event: gr.EventData
    ) -> list[Any]:
        session_of(request)
        said = library.delete(str(event.kb), language)
        stays = chosen_kb in library.names()
        return [said, _choices(library, chosen_kb if stays else library.first_choice())]

    panel.kb.change(
        choose,
        [panel.kb, chosen],
        [panel.place, *_files_components(panel)],
        trigger_mode="multiple",
        **EVENT,
    )
    gr.on(
        [panel.create.click, panel.new_name.submit],
        create,
        [panel.new_name, chosen],
        [panel.kb, panel.new_name, panel.said],
        **EVENT,
    )
    panel.delete.click(library.warn_before_deleting, [panel.kb, chosen], panel.said, **EVENT)
    panel.said.keep_kb(lambda: "", None, panel.said, **EVENT)
    panel.said.delete_kb(delete, [panel.kb, chosen], [panel.said, panel.kb], **EVENT)


def _wire_page(
    page: gr.Blocks,
    library: LibraryColumn,
    panel: LibraryPanel,
    chat: Chat,
    chat_panel: ChatPanel,
    labels: Labels,
    warmup: Warmup,
    status: gr.HTML,
    evidence: gr.HTML,
    chosen: gr.Radio,
) -> None:
    def forget(closed: str) -> None:
        chat.conversations.drop(closed)
        library.forget(closed)

    def choose_language(request: gr.Request) -> str:
        return choose_interface(
            library.settings.web.language,
            request.query_params.get("lang"),
            request.headers.get("accept-language", ""),
        ).value

    def speak(kb: str, language: str, request: gr.Request) -> list[Any]:
        return [
            *labels.updates(STRINGS[language]),
            *_frame(chat.show(page_of(request), language)),
            library.place_html(kb, STRINGS[language]),
        ]

    def follow(kb: str, language: str, request: gr.Request) -> Iterator[list[Any]]:
        yield from map(_files, library.follow(kb, language, page_of(request)))

    def warm(kb: str, language: str) -> Iterator[str]:
        warmup.start(kb)
        while not warmup.wait(0.5):
            yield render.notice_html(STRINGS[language].preparing)
        yield _status(warmup.readiness, library, STRINGS[language])

    spoken = [
        *labels.components(),
        chat_panel.past,
        chat_panel.live,
        evidence,
        panel.place,
    ]
    files = _files_components(panel)
    page.load(_stay(OpenPages(), forget), **EVENT)
    loaded = (
        page.load(choose_language, None, [chosen], **EVENT)
        .then(lambda: _choices(library, library.first_choice()), None, [panel.kb], **EVENT)
        .then(speak, [panel.kb, chosen], spoken, js=SET_PAGE_LANGUAGE, **EVENT)
    )
    switched = chosen.input(speak, [panel.kb, chosen], spoken, js=SET_PAGE_LANGUAGE, **EVENT)
    for spoke in (loaded, switched):
        spoke.then(follow, [panel.kb, chosen], files, **EVENT)
        spoke.then(warm, [panel.kb, chosen], [status], **EVENT)


def _stay(
    open_pages: OpenPages, forget: Callable[[str], None]
) -> Callable[[gr.Request], AsyncIterator[None]]:
    async def stay(request: gr.Request) -> AsyncIterator[None]:
        """Keep the stream of a page's results open for as long as the page is.

        Gradio closes it when nothing is pending, and loses an event that begins in that moment:
        2 of 15 clicks made while a page was loading were never answered. So it is for the newest
        pages of a session only: each takes one of the few connections that its browser makes.

        ``page.unload`` would tell when a page is closed, but keeps a second connection open for
        each: the third tab left the browser none to ask anything with.
        """
        page = page_of(request)
        mine = open_pages.open(session_of(request), page)
        while open_pages.is_open(page, mine) and request.state.is_there():
            await asyncio.sleep(CLOSED_AFTER_S)
        if not request.state.is_there():
            open_pages.close(page)
            forget(page)
        yield

    return stay


def _status(readiness: Readiness, library: LibraryColumn, strings: Strings) -> str:
    if readiness is Readiness.NO_EMBEDDER:
        command = f"`ragapp models pull {library.settings.embedding.embedder}`"
        return render.notice_html(strings.no_embedder.format(command=command), "bad")
    if readiness is Readiness.NO_CHAT_MODEL:
        command = f"`{library.pull_command()}`"
        return render.notice_html(strings.no_chat_model.format(command=command))
    return ""


def _frame(frame: Frame) -> list[Any]:
    return [gr.skip() if x is None else x for x in (frame.past, frame.live, frame.evidence)]


def _files(frame: FilesFrame | None) -> list[Any]:
    if frame is None:
        return [gr.skip()] * 4
    return [
        frame.files,
        gr.update(visible=frame.active),
        gr.update(visible=frame.any_rows and not frame.active),
        gr.skip() if frame.documents is None else frame.documents,
    ]


def _files_components(panel: LibraryPanel) -> list[Any]:
    """Return what ``_files`` fills."""
    return [panel.files, panel.stop, panel.clear, panel.documents]


def _choices(library: LibraryColumn, value: str) -> dict[str, Any]:
    names = library.names()
    changes: dict[str, Any] = gr.update(choices=names, value=value if value in names else names[0])
    return changes
