"""Tokens become text without half a character ever being shown."""

import random

import pytest

from ragapp.synthesis.stream import IncrementalDetokeniser

TEXTS = [
    "Whitening removes anisotropy, e.g. in BERT.  Two  spaces,\n\n\ttabs and a “quote”.",
    "白化可以消除句向量的各向异性，繁體字也一樣。",
    "emoji 👩‍👩‍👧‍👦 🇨🇳 👍🏽 done ✅, é e\u0301 ñ ü",
    "生僻字𠮷𪚥 and ﷽ ௵",
    "  leading and trailing  ",
    "a\u200db\u2060c",
]


def streamed(tokenizer, ids):
    detokeniser = IncrementalDetokeniser(tokenizer.decode)
    pieces = [detokeniser.push(token) for token in ids]
    return [*pieces, detokeniser.finish()]


@pytest.fixture(scope="module")
def tokenizer(engine):
    return engine._tokenizer._tokenizer


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_are_whole_characters_and_join_to_the_text(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert len(ids) > 3
    pieces = streamed(tokenizer, ids)
    assert not [piece for piece in pieces if "\ufffd" in piece]
    assert "".join(pieces) == tokenizer.decode(ids) == text


def test_characters_spread_over_several_tokens_come_out_when_the_last_arrives(tokenizer):
    ids = tokenizer.encode("𠮷", add_special_tokens=False)
    assert len(ids) > 1
    assert streamed(tokenizer, ids) == [""] * (len(ids) - 1) + ["𠮷", ""]


def test_any_text_joins_to_itself(tokenizer):
    source = random.Random(7)
    alphabet = "aZ09 .,\n检索與繁體𠮷👍🏽é،हि한カ\u200d"
    for _ in range(200):
        text = "".join(source.choices(alphabet, k=source.randint(1, 30)))
        ids = tokenizer.encode(text, add_special_tokens=False)
        pieces = streamed(tokenizer, ids)
        assert "".join(pieces) == text
        assert not any("\ufffd" in piece for piece in pieces)


def test_an_answer_cut_inside_a_character_ends_with_one_replacement(tokenizer):
    ids = tokenizer.encode("好𠮷", add_special_tokens=False)
    pieces = streamed(tokenizer, ids[:-1])
    assert "".join(pieces).startswith("好")
    assert pieces[-1].endswith("\ufffd")
    assert not any("\ufffd" in piece for piece in pieces[:-1])


def test_tokens_that_are_no_text_show_nothing_and_lose_nothing(tokenizer):
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [end, *tokenizer.encode("白化", add_special_tokens=False), end]
    detokeniser = IncrementalDetokeniser(lambda i: tokenizer.decode(i, skip_special_tokens=True))
    assert "".join([*(detokeniser.push(i) for i in ids), detokeniser.finish()]) == "白化"


def test_only_a_short_window_is_decoded_however_long_the_answer(tokenizer):
    lengths = []

    def decode(ids):
        lengths.append(len(ids))
        return tokenizer.decode(ids)

    detokeniser = IncrementalDetokeniser(decode)
    for token in tokenizer.encode("Sentences about retrieval. " * 100):
        detokeniser.push(token)
    assert max(lengths) < 10
