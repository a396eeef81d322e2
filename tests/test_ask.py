"""From a question to its answer, as a stream of events."""

import threading
import time

import pytest
from fixtures import OneEngine, library, models_folder, sample_kb, smollm2

from ragapp.ask import AnswerMode, Asked, ask, find, model_refused
from ragapp.errors import EmptyQuestion, QuestionTooLong
from ragapp.llm.decoding import Decoding
from ragapp.llm.torch.engine import TorchEngine
from ragapp.people import LOCAL
from ragapp.types import (
    AnswerCited,
    AnswerDone,
    AnswerText,
    EvidenceFound,
    FinishReason,
    Notice,
    Turn,
    never_cancel,
)
from ragapp.words.answers import ENGLISH, SIMPLIFIED, TRADITIONAL

SHORT = Decoding(max_new_tokens=8)
RANK = "如果知识库只有 30 个段落，样本协方差的秩是多少？"
HNSW = "Can I delete vectors from an HNSW graph?"
FOREIGN = "红烧肉怎么做才肥而不腻？"


@pytest.fixture(scope="module")
def samples(models_dir, tmp_path_factory):
    return sample_kb(models_dir, tmp_path_factory.getbasetemp() / "samples-home")


@pytest.fixture(scope="module")
def engine(models_dir):
    return smollm2(models_dir)


@pytest.fixture(scope="module")
def generated(samples, engine):
    """One generated answer, for all who only look at it."""
    return list(asking(HNSW, samples, engine, decoding=Decoding(max_new_tokens=40)))


def asking(question, within, engine, history=(), decoding=None, cancel=never_cancel):
    """Ask in one of the knowledge bases of the samples' home; no engine: quote."""
    shelf = library(models_folder(), within.kb.folder.parents[1])
    models = OneEngine(shelf.settings, engine)
    mode = AnswerMode.GENERATE if engine else AnswerMode.QUOTES
    asked = Asked(question, within.kb.name, history, mode, decoding)
    return ask(asked, shelf, models, cancel)


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, AnswerText))


# --- the stream ---


def test_evidence_comes_first_and_done_last(generated):
    assert isinstance(generated[0], EvidenceFound)
    assert isinstance(generated[-1], AnswerDone)
    assert all(isinstance(e, AnswerText | AnswerCited | Notice) for e in generated[1:-1])
    assert sum(isinstance(event, AnswerText) for event in generated) > 5


def test_done_is_the_sum_of_what_was_streamed(generated):
    done = generated[-1]
    assert done.answer == text_of(generated).strip() != ""
    cited = [event.citation for event in generated if isinstance(event, AnswerCited)]
    assert set(done.citations) == set(cited)
    assert done.evidence == generated[0].evidence


def test_every_citation_is_a_sentence_of_the_evidence_it_names(generated):
    done = generated[-1]
    by_number = {item.number: item for item in done.evidence}
    assert list(by_number) == list(range(1, len(by_number) + 1))
    for citation in done.citations:
        item = by_number[citation.number]
        assert (item.document, item.start <= citation.start < citation.end <= item.end) == (
            citation.document, True,
        )  # fmt: skip
        assert f"[{citation.number}]" in done.answer


def test_statements_without_a_source_are_named_to_the_reader(generated):
    done = generated[-1]
    notices = [event for event in generated if isinstance(event, Notice)]
    assert bool(done.citations) or notices


def test_counts_and_times_are_of_this_answer(generated):
    stats = generated[-1].stats
    assert stats.prompt_tokens > 100
    assert 0 < stats.completion_tokens <= 40
    assert 0 < stats.retrieval_s < stats.first_token_s < stats.total_s
    assert stats.tokens_per_s > 0


def test_loading_the_models_is_not_counted_as_searching(samples, monkeypatch):
    shelf = library(models_folder(), samples.kb.folder.parents[1])
    real = shelf.open
    monkeypatch.setattr(shelf, "open", lambda *given: time.sleep(1.0) or real(*given))
    stats = list(asking(HNSW, samples, None))[-1].stats
    assert stats.retrieval_s < 1.0 <= stats.total_s


# --- without a model ---


def test_quotation_needs_no_model_and_cites_the_answer(samples):
    events = list(asking(RANK, samples, None))
    done = events[-1]
    assert done.finish_reason is FinishReason.QUOTED
    assert done.citations[0].document == "句向量与白化.pdf"
    assert done.citations[0].page >= 1
    assert "秩最多是 29" in " ".join(done.answer.split())
    assert done.stats.completion_tokens == 0
    for citation in done.citations:
        assert " ".join(citation.sentence.split()) in done.answer


@pytest.mark.parametrize(
    ("question", "phrases"),
    [
        (FOREIGN, SIMPLIFIED),
        ("請問紅燒肉要怎麼做才會肥而不膩？", TRADITIONAL),
        ("How long should I roast a chicken in the oven?", ENGLISH),
    ],
)
def test_what_the_documents_do_not_hold_is_refused_in_the_language_of_the_question(
    samples, question, phrases
):
    events = list(asking(question, samples, None))
    assert events[0] == EvidenceFound(())
    assert events[-1].answer == phrases.refusal
    assert events[-1].refused
    assert events[-1].finish_reason is FinishReason.REFUSED
    assert events[-1].citations == ()


def test_a_refusal_asks_no_model(samples, engine, monkeypatch):
    monkeypatch.setattr(TorchEngine, "generate", None)  # would be called
    assert list(asking(FOREIGN, samples, engine))[-1].refused


def test_an_empty_knowledge_base_refuses(models_dir, samples):
    empty = library(models_dir, samples.kb.folder.parents[1]).open_or_create("empty", LOCAL)
    assert list(asking(HNSW, empty, None))[-1].answer == ENGLISH.refusal


@pytest.mark.parametrize("question", ["", "  ", "？？"])
def test_an_empty_question_is_an_error_before_any_event(samples, question):
    with pytest.raises(EmptyQuestion):
        next(asking(question, samples, None))


# --- conversation ---


def test_a_follow_up_is_searched_with_the_question_before(samples):
    history = [Turn(HNSW, "No.")]
    assert find("And why not?", samples, 1, history)[0].document == "faiss-indexes.txt"
    done = list(asking("And why not?", samples, None, history))[-1]
    assert done.citations[0].document == "faiss-indexes.txt"


def test_the_model_sees_the_conversation(samples, engine):
    alone = list(asking(HNSW, samples, engine, decoding=Decoding(max_new_tokens=1)))[-1]
    turns = [Turn("What is FAISS?", "A library for vector search.")]
    after = list(asking(HNSW, samples, engine, turns, decoding=Decoding(max_new_tokens=1)))[-1]
    assert after.stats.prompt_tokens > alone.stats.prompt_tokens


def test_what_does_not_fit_the_context_is_named(samples, engine):
    small = TorchEngine(engine._model, engine._tokenizer, "small", 200)
    turns = [Turn("What is FAISS? " * 30, "A library. " * 30)]
    events = list(asking(HNSW, samples, small, turns, decoding=SHORT))
    notices = [ENGLISH.notice(event) for event in events if isinstance(event, Notice)]
    assert any("the first 1 turns were left out" in notice for notice in notices)
    assert any("Left out" in notice and "excerpts [" in notice for notice in notices)
    assert len(events[-1].evidence) < len(events[0].evidence)


def test_a_question_too_long_for_the_model(samples, engine):
    tiny = TorchEngine(engine._model, engine._tokenizer, "tiny", 60)
    with pytest.raises(QuestionTooLong):
        list(asking(HNSW, samples, tiny, decoding=SHORT))


# --- stopping ---


def test_a_cancelled_answer_is_whole_as_far_as_it_got(samples, engine):
    seen = []
    stream = asking(
        HNSW, samples, engine, decoding=Decoding(max_new_tokens=200), cancel=lambda: len(seen) > 3
    )
    for event in stream:
        seen.append(event)
    assert seen[-1].finish_reason is FinishReason.CANCELLED
    assert seen[-1].answer == text_of(seen).strip()
    assert seen[-1].stats.completion_tokens < 50


@pytest.mark.parametrize("after", [1, 3])
def test_a_stream_closed_early_frees_the_model(samples, engine, after):
    stream = asking(HNSW, samples, engine, decoding=Decoding(max_new_tokens=500))
    for _ in range(after):
        next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "generate"]
    assert engine._busy.acquire(timeout=0)
    engine._busy.release()


@pytest.mark.parametrize(
    "answer",
    [
        "The documents do not say.",
        " the documents do not say",
        "文档中没有提到。",
        "文檔中沒有提到",
    ],
)
def test_the_refusal_the_prompt_asks_for_is_recognised(answer):
    assert model_refused(answer)


def test_an_answer_that_says_something_is_no_refusal():
    assert not model_refused("HNSW cannot delete; the documents do not say why.")
    assert not model_refused("")
