"""The middle and the right of the page: ask, watch the answer grow, see what it rests on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from ragapp.ask import AnswerMode, Asked, ask, prepare_next_turn
from ragapp.conversations.exchange import Conversation, Conversations, Exchange
from ragapp.errors import RagappError, UnforeseenError
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.types import (
    AnswerCited,
    AnswerEvent,
    AnswerText,
    EvidenceFound,
)
from ragapp.uploads.queue import IngestQueue
from ragapp.web import render
from ragapp.web.labels import Labels
from ragapp.web.panes import html_pane
from ragapp.words.interface import STRINGS

if TYPE_CHECKING:
    from gradio.components import HTML, Button, Radio, Textbox

logger = logging.getLogger(__name__)

FRAME_S = 0.04
"""Shortest time between two pictures of a growing answer: as smooth as the eye asks for."""


@dataclass(frozen=True, slots=True)
class ChatPanel:
    """The components that others wire."""

    past: HTML
    live: HTML
    question: Textbox
    send: Button
    stop: Button
    new: Button
    mode: Radio


@dataclass(frozen=True, slots=True)
class Frame:
    """What changes on the page; None: stays."""

    past: str | None = None
    live: str | None = None
    evidence: str | None = None


def build_chat(labels: Labels, answer_mode: str) -> ChatPanel:
    """Lay out the chat column."""
    with gr.Row(elem_id="chat-head"):
        mode = labels.bind(
            gr.Radio(value=answer_mode, elem_id="mode", container=False, scale=1, min_width=200),
            lambda s: {
                "label": s.mode,
                "choices": [(s.modes[name], name) for name in AnswerMode],
            },
        )
        new = labels.bind(
            gr.Button(elem_id="new-chat", size="sm", scale=0, min_width=80),
            lambda s: {"value": s.new_chat},
        )
    with gr.Column(elem_id="exchanges"):
        past = html_pane("past")
        live = html_pane("live", render.welcome_html(labels.first))
    with gr.Row(elem_id="ask"):
        question = labels.bind(
            gr.Textbox(
                elem_id="question",
                lines=1,
                max_lines=6,
                container=False,
                show_label=False,
                autofocus=True,
                scale=1,
            ),
            lambda s: {"label": s.ask_label, "placeholder": s.ask_placeholder},
        )
        send = labels.bind(
            gr.Button(elem_id="send", variant="primary", scale=0, min_width=72),
            lambda s: {"value": s.send},
        )
        stop = labels.bind(
            gr.Button(elem_id="stop", variant="stop", scale=0, min_width=72, visible=False),
            lambda s: {"value": s.stop},
        )
    return ChatPanel(past, live, question, send, stop, new, mode)


class Chat:
    """Answers questions for the page."""

    def __init__(self, library: Library, queue: IngestQueue) -> None:
        self._library = library
        self._queue = queue
        self.conversations = Conversations()

    def answer(
        self, question: str, kb: str, mode: str, language: str, session: str
    ) -> Iterator[Frame]:
        """Answer a question as pictures of the page, each the whole of what changed."""
        conversation = self.conversations.of(session)
        conversation.language = language
        earlier = conversation.turns()
        exchange, stop = conversation.begin(question)
        yield _picture(conversation, exchange, past=True)
        try:
            waiting, total = self._queue.unsearchable(kb)
            asked = Asked(
                question, kb, earlier, AnswerMode.named(mode), None, LOCAL, waiting, total
            )
            events = ask(asked, self._library, self._library.models, stop.is_set)
            yield from _grow(events, conversation, exchange)
        except RagappError as error:
            exchange.error = error
        except Exception as error:  # the page's boundary: nobody is left waiting for an answer
            logger.exception("answering")
            exchange.error = UnforeseenError.of(error)
        yield _picture(conversation, exchange, evidence=True)
        if exchange.done is not None and exchange.done.stats.prompt_tokens:
            self._prepare(conversation)

    def _prepare(self, conversation: Conversation) -> None:
        """Use the time in which the answer is read, until the next question is asked."""
        asked = len(conversation.exchanges)
        engine = self._library.models.engine()
        threading.Thread(
            target=prepare_next_turn,
            args=(engine, conversation.turns(), lambda: len(conversation.exchanges) != asked),
            name="prepare",
            daemon=True,
        ).start()

    def show(self, session: str, language: str) -> Frame:
        """Return the whole conversation, in another language for instance."""
        conversation = self.conversations.of(session)
        conversation.language = language
        if conversation.exchanges:
            return _picture(conversation, conversation.exchanges[-1], past=True, evidence=True)
        strings = STRINGS[language]
        return Frame("", render.welcome_html(strings), render.evidence_html([], strings))


def _grow(
    events: Iterator[AnswerEvent], conversation: Conversation, exchange: Exchange
) -> Iterator[Frame]:
    shown = 0.0
    for event in events:
        exchange.take(event)
        if isinstance(event, AnswerText) and time.monotonic() - shown < FRAME_S:
            continue
        found = isinstance(event, EvidenceFound | AnswerCited)
        yield _picture(conversation, exchange, evidence=found)
        shown = time.monotonic()


def _picture(
    conversation: Conversation, exchange: Exchange, *, past: bool = False, evidence: bool = False
) -> Frame:
    """Render the exchange being answered, and what else changed, in the language of now."""
    if exchange not in conversation.exchanges:
        return Frame()  # a new conversation has begun meanwhile
    strings = STRINGS[conversation.language]
    exchanges = conversation.exchanges
    return Frame(
        past=render.conversation_html(exchanges[:-1], strings) if past else None,
        live=render.conversation_html([exchange], strings),
        evidence=render.evidence_html(exchanges, strings) if evidence else None,
    )
