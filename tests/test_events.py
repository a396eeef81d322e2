"""Answer events cross a wire as JSON and come back the same."""

import json

import pytest
from fixtures import excerpt

from ragapp.events import from_json, to_json
from ragapp.types import (
    AnswerCited,
    AnswerDone,
    AnswerStats,
    AnswerText,
    AnswerThinking,
    Citation,
    EvidenceFound,
    FinishReason,
    Notice,
    NoticeKind,
)

CITATION = Citation(1, "a.md", None, "猫在垫子上。", 3, 9, document_id=7)
EVENTS = [
    EvidenceFound((excerpt(1, "The cat sleeps.", "It purrs."),)),
    AnswerThinking("hm"),
    AnswerText("The cat sleeps[1]"),
    AnswerCited(CITATION, 14),
    Notice(NoticeKind.DROPPED_TURNS, {"count": 2}),
    AnswerDone(
        "The cat sleeps[1]", False, FinishReason.STOP, (CITATION,),
        (excerpt(1, "The cat sleeps."),), AnswerStats(5, 0, 3, 0.1, None, 12.5, 0.4),
    ),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_the_same(event):
    wire = json.dumps(to_json(event), ensure_ascii=False)
    assert from_json(json.loads(wire)) == event


def test_a_field_of_a_later_version_is_passed_over():
    assert from_json({"event": "text", "text": "a", "colour": "red"}) == AnswerText("a")


@pytest.mark.parametrize("values", [{}, {"event": "song"}, {"event": "citation"}])
def test_what_is_no_event_is_refused(values):
    with pytest.raises(ValueError, match=r"no event|missing"):
        from_json(values)
