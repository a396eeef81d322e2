"""A question to its answer: retrieve → show evidence → prompt → stream → cite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ragapp.llm.decoding import Decoding, streams
from ragapp.llm.engine import ChatEngine, GenerationDone, Message, TextDelta
from ragapp.llm.thinking import Said, ThinkingSplitter
from ragapp.retrieval.evidence import pack_evidence
from ragapp.retrieval.query import make_query
from ragapp.retrieval.relevance import is_relevant
from ragapp.retrieval.search import search
from ragapp.synthesis.cite import Citer, Statement
from ragapp.synthesis.phrases import Phrases, phrases_for
from ragapp.synthesis.prompt import MODEL_REFUSALS, Prompt, build_prompt, opening
from ragapp.synthesis.quote import quote
from ragapp.text.language import language_of
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
    Turn,
    never_cancel,
)
from ragapp.workspace import OpenKnowledgeBase

EVIDENCE_HITS = 5


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
    question: str,
    within: OpenKnowledgeBase,
    engine: ChatEngine | None,
    history: Sequence[Turn] = (),
    decoding: Decoding | None = None,
    cancel: CancelCheck = never_cancel,
) -> Iterator[AnswerEvent]:
    """Answer a question as a stream of events: evidence first, ``AnswerDone`` last.

    engine: None answers by quotation. The iterator may be closed at any time.

    Raises:
        EmptyQuestion, QuestionTooLong: before the first event, or before the first token.
        EngineError: generation failed.
    """
    answer = _Answer(started=time.perf_counter())
    phrases = phrases_for(question)
    hits = find(question, within, EVIDENCE_HITS, history)
    evidence = tuple(pack_evidence(hits)) if is_relevant(hits) else ()
    answer.stats = replace(answer.stats, retrieval_s=answer.elapsed())
    yield EvidenceFound(evidence)
    if not evidence:
        yield from answer.take([AnswerText(phrases.refusal)])
        yield answer.done(FinishReason.REFUSED, evidence)
    elif engine is None:
        yield from answer.take(quote(evidence))
        yield answer.done(FinishReason.QUOTED, evidence)
    else:
        decoding = decoding or Decoding()
        if not streams(decoding):
            yield Notice(phrases.not_streamed)
        prompt = build_prompt(
            question, evidence, history, language_of(question), engine, decoding.max_new_tokens
        )
        yield from _dropped(prompt, phrases)
        citer = Citer(prompt.evidence, question)
        yield from _generate(prompt, engine, decoding, cancel, answer, citer)
        if answer.reason not in (FinishReason.REFUSED, FinishReason.QUOTED):
            yield from _unbacked(citer.statements, phrases)
        yield answer.done(answer.reason, prompt.evidence)


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


def _generate(
    prompt: Prompt,
    engine: ChatEngine,
    decoding: Decoding,
    cancel: CancelCheck,
    answer: _Answer,
    citer: Citer,
) -> Iterator[AnswerEvent]:
    splitter = ThinkingSplitter()
    for event in engine.generate(prompt.messages, decoding, cancel):
        if isinstance(event, TextDelta):
            yield from _said(splitter.push(event.text), answer, citer)
        else:
            answer.generated(event)
    yield from _said(splitter.finish(), answer, citer)
    yield from answer.take(citer.finish())
    if answer.reason is FinishReason.STOP and model_refused(answer.text):
        answer.reason = FinishReason.REFUSED
    if answer.reason is FinishReason.STOP and not answer.text.strip():
        # A small model sometimes says nothing at all; its best evidence still says something.
        yield from answer.take(quote(prompt.evidence))
        answer.reason = FinishReason.QUOTED


def _said(parts: Iterator[Said], answer: _Answer, citer: Citer) -> Iterator[AnswerEvent]:
    for part in parts:
        if part.thought:
            yield AnswerThinking(part.text)
        else:
            yield from answer.take(citer.push(part.text))


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

    def generated(self, event: GenerationDone) -> None:
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


def _dropped(prompt: Prompt, phrases: Phrases) -> Iterator[Notice]:
    if prompt.dropped.turns:
        yield Notice(phrases.dropped_turns.format(count=prompt.dropped.turns))
    if prompt.dropped.excerpts:
        numbers = ", ".join(f"[{number}]" for number in prompt.dropped.excerpts)
        yield Notice(phrases.dropped_excerpts.format(numbers=numbers))


def _unbacked(statements: Sequence[Statement], phrases: Phrases) -> Iterator[Notice]:
    for statement in statements:
        if not statement.citations:
            yield Notice(phrases.unbacked.format(statement=statement.text))
