"""Stop strings end an answer wherever its pieces are cut."""

import itertools
import random

import pytest

from ragapp.llm.stop import StopStrings


def shown(pieces, strings):
    stops = StopStrings(strings)
    text = "".join(stops.push(piece) for piece in pieces)
    return text + stops.finish(), stops.found


def cuts(text):
    """Every way to cut a text into pieces."""
    for where in itertools.product([False, True], repeat=len(text) - 1):
        pieces, start = [], 0
        for number, cut in enumerate(where, start=1):
            if cut:
                pieces.append(text[start:number])
                start = number
        yield [*pieces, text[start:]]


@pytest.mark.parametrize(
    ("text", "strings", "expected"),
    [
        ("one\n\ntwo", ["\n\n"], "one"),
        ("aab", ["ab"], "a"),
        ("ab-abc", ["abc"], "ab-"),
        ("你好。问：吗", ["问："], "你好。"),
        ("白化白化化", ["白化化"], "白化"),
        ("👍🏽stop", ["🏽s"], "👍"),
        ("xabcd", ["abcd", "bc"], "xa"),
        ("xabcd", ["bc", "abc"], "x"),
        ("STOP", ["STOP"], ""),
    ],
)
def test_the_text_ends_before_the_stop_string_however_it_comes(text, strings, expected):
    for pieces in cuts(text):
        assert shown(pieces, strings) == (expected, True), pieces


@pytest.mark.parametrize("text", ["almost\n", "白", "", "问 ："])
def test_what_only_begins_like_a_stop_string_is_shown_in_the_end(text):
    assert shown(list(text), ["\n\n", "白化", "问："]) == (text, False)


def test_text_is_held_back_no_longer_than_needed():
    stops = StopStrings(["###"])
    assert [stops.push(piece) for piece in ["a#", "#", "b", "c"]] == ["a", "", "##b", "c"]


def test_nothing_is_shown_after_the_stop_string():
    stops = StopStrings(["\n"])
    assert [stops.push(piece) for piece in ["a\nb", "c"]] == ["a", ""]
    assert stops.finish() == ""


def test_without_stop_strings_everything_passes_at_once():
    stops = StopStrings([])
    assert stops.push("text") == "text"


def test_pieces_never_change_the_result():
    source = random.Random(3)
    for _ in range(500):
        text = "".join(source.choices("ab白", k=12))
        strings = ["".join(source.choices("ab白", k=source.randint(1, 4))) for _ in range(2)]
        pieces = next(itertools.islice(cuts(text), source.randrange(2**11), None))
        assert shown(pieces, strings) == shown([text], strings) == shown(list(text), strings)
