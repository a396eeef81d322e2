"""Texts that are nearly the same are known by their sketches, in any language."""

import random

import numpy as np
import pytest

from ragapp.text.resembling import SIZE, Resembling, resemblance, sketch

CHANCE = random.Random(4)
WORDS = [f"{chr(97 + n % 26)}{n * 7919 % 1000}" for n in range(3000)]
HAN = [chr(0x4E00 + n * 37 % 8000) for n in range(4000)]


def english(words=800):
    return " ".join(CHANCE.choice(WORDS) for _ in range(words))


def chinese(letters=2000):
    return "".join(CHANCE.choice(HAN) for _ in range(letters))


def changed(text, share, alphabet):
    """Replace a share of the text, in one piece."""
    length = int(len(text) * share)
    return text[:-length] + "".join(CHANCE.choice(alphabet) for _ in range(length))


@pytest.mark.parametrize(("text", "alphabet"), [(english(), "xyz "), (chinese(), HAN)])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6])
def test_it_estimates_what_two_texts_have_in_common(text, alphabet, share):
    other = changed(text, share, alphabet)
    true = (1 - share) / (1 + share)  # windows in common, of those of both
    assert resemblance(sketch(text), sketch(other)) == pytest.approx(true, abs=0.2)


def test_the_same_but_for_space_and_case_is_the_same():
    text = english()
    other = text.upper().replace(" ", "\n  ")
    assert resemblance(sketch(text), sketch(other)) == 1.0


def test_different_texts_have_nothing_in_common():
    assert resemblance(sketch(english()), sketch(english())) < 0.1
    assert resemblance(sketch(chinese()), sketch(english())) < 0.1


@pytest.mark.parametrize("text", ["", "short", "词" * 90, "\ud800" * 300])
def test_texts_too_short_or_odd_are_sketched_all_the_same(text):
    made = sketch(text)
    assert made.dtype == np.uint64
    assert len(made) <= SIZE
    assert resemblance(made, made) in (0.0, 1.0)


def test_the_nearest_is_named():
    first, second = english(), chinese()
    known = Resembling([("a.txt", sketch(first)), ("b.txt", sketch(second))])
    name, share = known.nearest("c.txt", sketch(changed(second, 0.03, HAN)))
    assert name == "b.txt"
    assert share > 0.85
    assert known.nearest("b.txt", sketch(second)) is None  # itself
    assert known.nearest("c.txt", sketch(english())) is None
    assert known.nearest("c.txt", sketch("")) is None


def test_of_many_each_is_found_again():
    texts = [english(120) for _ in range(300)]
    known = Resembling((str(number), sketch(text)) for number, text in enumerate(texts))
    found = [known.nearest("new", sketch(text + " and a little more")) for text in texts]
    assert [one and one[0] for one in found] == [str(number) for number in range(300)]
