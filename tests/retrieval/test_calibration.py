"""Whether there is anything to answer from: a threshold of each base's own."""

from dataclasses import replace

import pytest

from ragapp.retrieval.calibration import (
    LEAST,
    RELEVANT_SENTENCE,
    UNCALIBRATED,
    Calibration,
    is_relevant,
    quantiles,
    relevance,
)
from ragapp.text.language import Language

from .hits import hit

EN, ZH = Language.ENGLISH, Language.CHINESE
FITTED = Calibration(
    3,
    {EN: {EN: quantiles([i / 100 for i in range(101)]), ZH: quantiles([0.01] * 5)}},
    {EN: quantiles([0.8, 0.95, 1.0, 1.1])},
)


def test_a_threshold_is_where_so_many_foreign_questions_lie_below():
    assert FITTED.threshold(EN, EN, 0.9) == pytest.approx(0.9)
    assert FITTED.threshold(EN, EN, 0.5) == pytest.approx(0.5)
    assert FITTED.threshold(EN, ZH) == LEAST
    both = Calibration(1, {EN: {EN: quantiles([0.5] * 9), ZH: FITTED.unanswerable[EN][EN]}})
    assert both.threshold(EN, ZH, 0.9) == pytest.approx(0.95), "two chances to pass wrongly"
    assert FITTED.threshold(ZH, ZH) == UNCALIBRATED
    assert FITTED.threshold(ZH, EN) == UNCALIBRATED


def test_stretched_scores_have_one_threshold():
    for passage in Language:
        stretched = FITTED.threshold(EN, passage) * FITTED.stretch(EN, passage)
        assert stretched == pytest.approx(RELEVANT_SENTENCE)


def test_the_rates_follow_the_caution():
    assert FITTED.wrongly_answered(EN, 0.9) == pytest.approx(0.1)
    assert FITTED.wrongly_refused(EN, 0.5) == 0
    assert 0 < FITTED.wrongly_refused(EN, 0.99) < 1
    assert FITTED.wrongly_refused(ZH) is None
    assert FITTED.wrongly_answered(ZH) is None


def test_written_and_read_again():
    assert Calibration.from_json(FITTED.to_json()) == FITTED


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"space": "x"}', "not JSON"])
def test_what_cannot_be_read_counts_as_never_fitted(text):
    assert Calibration.from_json(text) == Calibration()


def test_the_best_sentence_of_any_hit_decides():
    hits = [hit("One here. Two here.", [0.1, RELEVANT_SENTENCE + 0.01]), hit("Low.", [0.0])]
    assert is_relevant(hits)
    assert is_relevant(hits[::-1])
    assert not is_relevant(hits[1:])


def test_nothing_is_not_relevant():
    assert not is_relevant([])
    assert relevance([]) == -1
    assert not is_relevant([replace(hit("One.", [0.9]), sentences=())])
