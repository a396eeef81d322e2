"""Whether there is anything to answer from."""

from dataclasses import replace

from ragapp.retrieval.relevance import RELEVANT_SENTENCE, is_relevant, relevance

from .hits import hit


def test_the_best_sentence_of_any_hit_decides():
    hits = [hit("One here. Two here.", [0.1, RELEVANT_SENTENCE + 0.01]), hit("Low.", [0.0])]
    assert is_relevant(hits)
    assert is_relevant(hits[::-1])
    assert not is_relevant(hits[1:])


def test_nothing_is_not_relevant():
    assert not is_relevant([])
    assert relevance([]) == -1
    assert not is_relevant([replace(hit("One.", [0.9]), sentences=())])
