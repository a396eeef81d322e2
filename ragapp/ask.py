"""A question to its answer: retrieve → show evidence → prompt → stream → cite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ragapp.about.answer import answer_about, summary_evidence
from ragapp.about.recognise import Topic, asks_about_base
from ragapp.errors import ModelMissing, SettingsError
from ragapp.library import Library, OpenKnowledgeBase
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import ChatEngine, Done, Message, Text, Thought
from ragapp.models import Models
from ragapp.people import LOCAL, Person
from ragapp.retrieval.calibration import is_relevant
from ragapp.retrieval.evidence import orders_in, pack_evidence
from ragapp.retrieval.query import in_context, make_query
from ragapp.retrieval.search import search
from ragapp.synthesis.cite import Citer, Statement
from ragapp.synthesis.guard import Guard, off_topic
from ragapp.synthesis.phrases import phrases_for
from ragapp.synthesis.prompt import MODEL_REFUSALS, Prompt, build_prompt, opening
from ragapp.synthesis.quote import quote
from ragapp.tables.answer import Answer, compared_answer, table_answer
from ragapp.tables.plan import Function, function_of
from ragapp.text.encodable import as_text
from ragapp.text.language import language_of
from ragapp.text.orders.recognise import asks_about_orders
from ragapp.types import (
    AnswerCited,
    AnswerDone,
    AnswerEvent,
    AnswerStats,
    AnswerText,
    AnswerThinking,
    CancelCheck,
    Citation,
    Evidence,
    EvidenceFound,
    FinishReason,
    Hit,
    Notice,
    NoticeKind,
    Turn,
    never_cancel,
)

EVIDENCE_HITS = 5
COMPARED_HITS = 200
"""Among which sentences of one pattern are sought, when the most or the least is asked for."""


class AnswerMode(StrEnum):
    """Who finds the words: the model, the documents, or the model if it can be trusted to."""

    AUTO = "auto"
    GENERATE = "generate"
    QUOTES = "quotes"

    @classmethod
    def named(cls, name: str) -> AnswerMode:
        """Return the mode of a name.

        Raises:
            SettingsError: there is none of that name.
        """
        try:
            return cls(name)
        except ValueError as error:
            raise SettingsError("answer_mode_unknown", name=name, known=", ".join(cls)) from error


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, where it is looked for, and how it is answered.

    ``decoding`` None: as the settings say. ``waiting_files`` of ``all_files`` are on their way
    into the knowledge base and not searchable yet.
    """

    question: str
    kb: str
    history: Sequence[Turn] = ()
    mode: AnswerMode = AnswerMode.AUTO
    decoding: Decoding | None = None
    by: Person = LOCAL
    waiting_files: int = 0
    all_files: int = 0


def find(
    question: str, within: OpenKnowledgeBase, k: int, history: Sequence[Turn] = ()
) -> list[Hit]:
    """Return the k best hits for a question.

    Raises:
        EmptyQuestion: there is no word in it.
    """
    query = make_query(question, history, within.encoder)
    return search(query, within.kb, within.space, within.reranker, k).hits


def ask(
    asked: Asked, library: Library, models: Models, cancel: CancelCheck = never_cancel
) -> Iterator[AnswerEvent]:
    """Answer a question as a stream of events: evidence first, ``AnswerDone`` last.

    The chat model is loaded after the evidence was shown. The iterator may be closed at any time.

    Raises:
        EmptyQuestion, QuestionTooLong: before the first event, or before the first token.
        KnowledgeBaseMissing, ModelMissing: there is nothing to search in, or to search with.
        UsageError: no engine that the settings allow decodes in the way asked for.
        EngineError: generation failed.
    """
    answer = _Answer(started=time.perf_counter())
    turns = [Turn(as_text(turn.question), as_text(turn.answer)) for turn in asked.history]
    asked = replace(asked, question=as_text(asked.question), history=turns)
    decoding = asked.decoding or models.decoding()
    decoding.check()
    within = library.open(asked.kb, asked.by)
    about = asks_about_base(asked.question)
    whole = summary_evidence(about, within.kb) if about else ()
    if about is not None and (whole or about.topic is not Topic.SUMMARY):
        yield EvidenceFound(whole)
        yield from _waiting(asked)
        documents = () if whole else within.kb.documents()
        yield from answer.take(answer_about(about, whole, documents, phrases_for(asked.question)))
        yield answer.done(FinishReason.QUOTED if whole else FinishReason.CATALOGUE, whole)
        return
    opened = time.perf_counter()  # to load the models, the first time, is not to search
    hits = find(asked.question, within, EVIDENCE_HITS, asked.history)
    computed = _computed(asked, hits, within)
    if computed is not None:
        rows, said = computed
        answer.stats = replace(answer.stats, retrieval_s=time.perf_counter() - opened)
        yield EvidenceFound(rows)
        yield from _waiting(asked)
        yield from answer.take(said)
        yield answer.done(FinishReason.COMPUTED, rows)
        return
    orders = orders_in(hits)
    about_orders = asks_about_orders(asked.question)
    evidence = tuple(pack_evidence(hits, orders=about_orders)) if is_relevant(hits) else ()
    answer.stats = replace(answer.stats, retrieval_s=time.perf_counter() - opened)
    yield EvidenceFound(evidence)
    yield from _waiting(asked)
    if cancel():
        yield answer.done(FinishReason.CANCELLED, evidence)
    elif not evidence:
        yield from answer.take([AnswerText(phrases_for(asked.question).refusal)])
        yield answer.done(FinishReason.REFUSED, evidence)
    elif any(sentence.text in orders for item in evidence for sentence in item.sentences):
        yield Notice(NoticeKind.ORDER_QUOTED)
        yield from answer.take(quote(evidence))
        yield answer.done(FinishReason.QUOTED, evidence)
    else:
        engine, notice = _engine(asked.mode, decoding, models)
        if notice is not None:
            yield notice
        if engine is None:
            yield from answer.take_quotation(evidence)
            yield answer.done(FinishReason.QUOTED, evidence)
        else:
            guard = Guard(orders, in_context(asked.question, asked.history))
            yield from _generated(asked, evidence, engine, decoding, cancel, answer, guard)


def _waiting(asked: Asked) -> Iterator[Notice]:
    if asked.waiting_files:
        values = {"count": asked.waiting_files, "total": asked.all_files}
        yield Notice(NoticeKind.NOT_SEARCHABLE_YET, values)


def _computed(asked: Asked, hits: Sequence[Hit], within: OpenKnowledgeBase) -> Answer | None:
    """Return rows and answer where the question can be computed, None where it cannot."""
    function = function_of(asked.question)
    if function is None:
        return None
    phrases = phrases_for(asked.question)
    from_table = table_answer(asked.question, hits, within.kb, phrases)
    if from_table is not None or function not in (Function.MOST, Function.LEAST):
        return from_table
    many = find(asked.question, within, COMPARED_HITS, asked.history)
    return compared_answer(asked.question, function, many, phrases)


def prepare_next_turn(
    engine: ChatEngine, history: Sequence[Turn], cancel: CancelCheck = never_cancel
) -> None:
    """Compute the beginning of the next turn's prompt while the last answer is being read.

    The turns stand in it without their excerpts, which is not how the engine has seen the last
    one; without this, its question and answer would be computed when the next question waits.
    """
    if not engine.caches_prefixes or not history:
        return
    messages = opening(history, language_of(history[-1].question), engine.neutralise)
    messages.append(Message("user", ""))
    if engine.count_tokens(messages) < engine.context_tokens:
        for _ in engine.generate(messages, Decoding(max_new_tokens=1), cancel):
            pass


def _engine(
    mode: AnswerMode, decoding: Decoding, models: Models
) -> tuple[ChatEngine | None, Notice | None]:
    """Return the engine that answers in a mode, None for quotation, and what to say of that."""
    if mode is AnswerMode.QUOTES:
        return None, None
    try:
        weak = models.too_weak() if mode is AnswerMode.AUTO else None
        if weak is not None:
            return None, Notice(NoticeKind.WEAK_MODEL, {"model": weak})
        return models.engine(decoding), None
    except ModelMissing:
        return None, Notice(NoticeKind.NO_CHAT_MODEL, {"command": models.pull_command()})


def _generated(
    asked: Asked,
    evidence: tuple[Evidence, ...],
    engine: ChatEngine,
    decoding: Decoding,
    cancel: CancelCheck,
    answer: _Answer,
    guard: Guard,
) -> Iterator[AnswerEvent]:
    """Let the model answer from the evidence."""
    if not decoding.streams:
        yield Notice(NoticeKind.NOT_STREAMED)
    language = language_of(asked.question)
    prompt = build_prompt(
        asked.question, evidence, asked.history, language, engine, decoding.max_new_tokens
    )
    yield from _dropped(prompt)
    citer = Citer(prompt.evidence, asked.question)
    yield from _stream(prompt, engine, decoding, cancel, answer, citer, guard)
    if guard.caught:
        yield from _quote_instead(NoticeKind.ORDER_OBEYED, prompt, answer)
    elif answer.reason is FinishReason.STOP and off_topic(
        citer.statements, prompt.evidence, guard.question
    ):
        yield from _quote_instead(NoticeKind.OFF_TOPIC, prompt, answer)
    if answer.reason not in (FinishReason.REFUSED, FinishReason.QUOTED):
        yield from _unbacked(citer.statements)
    yield answer.done(answer.reason, prompt.evidence)


def _stream(
    prompt: Prompt,
    engine: ChatEngine,
    decoding: Decoding,
    cancel: CancelCheck,
    answer: _Answer,
    citer: Citer,
    guard: Guard,
) -> Iterator[AnswerEvent]:
    for event in engine.generate(prompt.messages, decoding, cancel):
        if isinstance(event, Thought):
            yield AnswerThinking(event.text)
        elif isinstance(event, Text):
            yield from answer.take(guard.push(citer.push(event.text), citer.statements))
        else:
            answer.generated(event)
        if guard.caught:  # to return closes the generator, which stops the model
            return
    yield from answer.take(guard.push(citer.finish(), citer.statements))
    yield from answer.take(guard.finish())
    if guard.caught:
        return
    if answer.reason is FinishReason.STOP and model_refused(answer.text):
        answer.reason = FinishReason.REFUSED
    if answer.reason is FinishReason.STOP and not answer.text.strip():
        # A small model sometimes says nothing at all; its best evidence still says something.
        yield from answer.take_quotation(prompt.evidence)
        answer.reason = FinishReason.QUOTED


def _quote_instead(kind: NoticeKind, prompt: Prompt, answer: _Answer) -> Iterator[AnswerEvent]:
    """Quote the best evidence after, or in place of, what the model said."""
    yield Notice(kind)
    if answer.text.strip():
        yield from answer.take([AnswerText("\n\n")])
    yield from answer.take_quotation(prompt.evidence)
    answer.reason = FinishReason.QUOTED


@dataclass(slots=True)
class _Answer:
    """What has been said so far."""

    started: float
    text: str = ""
    citations: list[Citation] = field(default_factory=list)
    stats: AnswerStats = field(default_factory=AnswerStats)
    reason: FinishReason = FinishReason.STOP

    def elapsed(self) -> float:
        return time.perf_counter() - self.started

    def take(
        self, events: Iterator[AnswerText | AnswerCited] | Sequence[AnswerText | AnswerCited]
    ) -> Iterator[AnswerEvent]:
        for event in events:
            if isinstance(event, AnswerCited):
                if event.citation not in self.citations:
                    self.citations.append(event.citation)
            else:
                if self.stats.first_token_s is None:
                    self.stats = replace(self.stats, first_token_s=self.elapsed())
                self.text += event.text
            yield event

    def take_quotation(self, evidence: Sequence[Evidence]) -> Iterator[AnswerEvent]:
        """Quote after what was said, if anything was."""
        before = len(self.text)
        for event in quote(evidence):
            if isinstance(event, AnswerCited):
                event = replace(event, offset=before + event.offset)
            yield from self.take([event])

    def generated(self, event: Done) -> None:
        self.reason = event.finish_reason
        self.stats = replace(
            self.stats,
            prompt_tokens=event.prompt_tokens,
            cached_tokens=event.cached_tokens,
            completion_tokens=event.completion_tokens,
            tokens_per_s=event.tokens_per_s,
        )

    def done(self, reason: FinishReason, evidence: tuple[Evidence, ...]) -> AnswerDone:
        return AnswerDone(
            answer=self.text.strip(),
            refused=reason is FinishReason.REFUSED,
            finish_reason=reason,
            citations=tuple(self.citations),
            evidence=evidence,
            stats=replace(self.stats, total_s=self.elapsed()),
        )


def model_refused(text: str) -> bool:
    """Say whether the model wrote, as the prompt asks, that the documents do not say."""
    plain = text.strip().lower()
    rests = [plain.removeprefix(said) for said in MODEL_REFUSALS if plain.startswith(said)]
    return any(not rest or rest[0] in ".。" for rest in rests)


def _dropped(prompt: Prompt) -> Iterator[Notice]:
    if prompt.dropped.turns:
        yield Notice(NoticeKind.DROPPED_TURNS, {"count": prompt.dropped.turns})
    if prompt.dropped.excerpts:
        numbers = ", ".join(f"[{number}]" for number in prompt.dropped.excerpts)
        yield Notice(NoticeKind.DROPPED_EXCERPTS, {"numbers": numbers})


def _unbacked(statements: Sequence[Statement]) -> Iterator[Notice]:
    for statement in statements:
        if not statement.citations:
            yield Notice(NoticeKind.UNBACKED, {"statement": statement.text})
