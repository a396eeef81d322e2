"""The values that the stages hand one another: small, frozen, importing nothing of ours.

All offsets are character offsets into ``Document.text``, the extracted text of the whole file,
so a chunk, a sentence and a citation all point into the same string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """What is being done to an item when a ``Progress`` event is sent."""

    DOWNLOADING = "downloading"
    CONVERTING = "converting"
    PARSING = "parsing"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    INDEXING = "indexing"
    DONE = "done"
    FAILED = "failed"
    RUNNING = "running"  # of a run over many files: how many have ended


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long job: ``done`` of ``total`` units of ``item``; ``total`` None: unknown.

    ``error``: why an item failed. ``per_s``: passages a second; ``left_s``: seconds to go, None
    where that cannot be told; both of a run.
    """

    stage: Stage
    item: str
    done: int = 0
    total: int | None = None
    message: str = ""
    error: Exception | None = None
    per_s: float | None = None
    left_s: float | None = None


ProgressSink = Callable[[Progress], None]
"""Called from the thread that does the work; must return quickly."""

CancelCheck = Callable[[], bool]
"""Asked between units of work; True means stop as soon as everything kept is whole."""


def ignore_progress(_: Progress) -> None:
    """Drop progress events: the sink for callers that show none."""


def never_cancel() -> bool:
    """Say that nobody asked to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` (inclusive) to ``end`` (exclusive) of ``Document.text``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a paged format, numbered from 1; ``start == end`` when it held no text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the source: ``level`` 1 is the highest, ``start`` where its section begins."""

    level: int
    title: str
    start: int


class BlockKind(StrEnum):
    """What a block of lines is."""

    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are units of their own, ``start`` to ``end``: rows of a table, lines of code."""

    kind: BlockKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know about a document: a code of the catalogue and its values."""

    code: str
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. ``pages`` is empty for formats without pages (Markdown, text, HTML, DOCX).

    size: bytes of the file; modified_ns: its time of modification, 0 where there is none.
    """

    name: str
    path: str
    sha256: str
    media_type: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    notes: tuple[Note, ...] = ()
    blocks: tuple[Block, ...] = ()
    size: int = 0
    modified_ns: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: ``text == document.text[start:end]``; ``sentences`` are spans of the document.

    ``page`` is the page on which the chunk starts, None for formats without pages;
    ``heading`` is the path of titles above it, outermost first.
    """

    text: str
    start: int
    end: int
    page: int | None
    heading: tuple[str, ...]
    sentences: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class ScoredSentence:
    """A sentence of a retrieved chunk with its score for the question.

    together: where the line begins that leads to its list, when all of the list was asked for.
    """

    text: str
    start: int
    end: int
    page: int | None
    score: float
    together: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk. ``score`` orders hits of one search; it is not a probability.

    ``dense`` is the cosine of the whitened vectors and ``lexical`` the BM25 score, both raw:
    they are comparable between searches and decide whether anything relevant was found.
    """

    chunk_id: int
    document: str
    path: str
    page: int | None
    heading: tuple[str, ...]
    start: int
    end: int
    text: str
    score: float
    dense: float
    lexical: float
    sentences: tuple[ScoredSentence, ...] = ()
    document_id: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """An excerpt shown to the reader and to the model under ``number``, as in ``[1]``.

    ``text`` is ``document.text[start:end]``: one or more neighbouring sentences of one chunk.
    """

    number: int
    document: str
    path: str
    page: int | None
    heading: tuple[str, ...]
    start: int
    end: int
    text: str
    score: float
    sentences: tuple[ScoredSentence, ...]
    document_id: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Citation:
    """What ``[number]`` in an answer resolves to: one sentence on one page of one document."""

    number: int
    document: str
    page: int | None
    sentence: str
    start: int
    end: int
    document_id: int = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished exchange of a conversation."""

    question: str
    answer: str


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    QUOTED = "quoted"
    CATALOGUE = "catalogue"  # said of the knowledge base itself
    COMPUTED = "computed"  # from rows of tables, or figures of several documents


class NoticeKind(StrEnum):
    """What a ``Notice`` is about."""

    WEAK_MODEL = "weak_model"
    NO_CHAT_MODEL = "no_chat_model"
    NOT_STREAMED = "not_streamed"
    DROPPED_TURNS = "dropped_turns"
    DROPPED_EXCERPTS = "dropped_excerpts"
    UNBACKED = "unbacked"
    ORDER_OBEYED = "order_obeyed"
    ORDER_QUOTED = "order_quoted"
    OFF_TOPIC = "off_topic"
    NOT_SEARCHABLE_YET = "not_searchable_yet"


@dataclass(frozen=True, slots=True)
class AnswerStats:
    """Counts and times of one answer; times in seconds from the moment the question arrived.

    ``cached_tokens``: how many of the prompt were not computed again, None where the engine does
    not know.
    """

    prompt_tokens: int = 0
    cached_tokens: int | None = 0
    completion_tokens: int = 0
    retrieval_s: float = 0.0
    first_token_s: float | None = None
    tokens_per_s: float | None = None
    total_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """First event of every answer: what was retrieved, before any token."""

    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class AnswerText:
    """More of the answer's text, to be appended."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerThinking:
    """More of what a reasoning model thinks before it answers; not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerCited:
    """A citation mark in the text streamed so far: ``[number]`` begins at ``offset`` of it."""

    citation: Citation
    offset: int


@dataclass(frozen=True, slots=True)
class Notice:
    """How the answer came about; ``values`` fill the sentence that the reader is shown."""

    kind: NoticeKind
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """Last event of every answer: the whole of it."""

    answer: str
    refused: bool
    finish_reason: FinishReason
    citations: tuple[Citation, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    stats: AnswerStats = field(default_factory=AnswerStats)


AnswerEvent = EvidenceFound | AnswerThinking | AnswerText | AnswerCited | Notice | AnswerDone
