"""Tokens become text without half a character ever being shown."""

import random

import pytest
from tiny_model import byte_tokenizer

from ragapp.llm.decoding import Decoding
from ragapp.llm.stream import AnswerReader, IncrementalDetokeniser
from ragapp.types import FinishReason

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


# --- an answer ---


def read(text, tokenizer, after=(), **values):
    reader = AnswerReader(tokenizer, Decoding(**values))
    pieces = list(reader.read([*tokenizer.encode(text), *after]))
    return pieces, reader


def test_an_answer_ends_at_its_terminator():
    tokenizer = byte_tokenizer()
    pieces, reader = read("白化", tokenizer, [*tokenizer.terminators, 5, 6])
    assert [piece for piece in pieces if piece] == ["白", "化"]
    assert reader.tokens == 6
    assert reader.finish_reason(cancelled=True) is FinishReason.STOP


def test_an_answer_ends_before_a_stop_string():
    pieces, reader = read("one\n\ntwo", byte_tokenizer(), stop_strings=("\n\n",))
    assert "".join(pieces) == "one"
    assert reader.tokens == 5
    assert reader.finish_reason(cancelled=False) is FinishReason.STOP


def test_why_an_answer_without_end_ended():
    _, full = read("abcd", byte_tokenizer(), max_new_tokens=4)
    assert full.finish_reason(cancelled=True) is FinishReason.LENGTH
    _, part = read("abc", byte_tokenizer(), max_new_tokens=4)
    assert part.finish_reason(cancelled=True) is FinishReason.CANCELLED


def test_beams_come_in_one_piece():
    pieces, _ = read("two words", byte_tokenizer(), num_beams=2)
    assert pieces == ["two words"]


def test_what_may_become_a_stop_string_is_shown_when_nothing_follows():
    assert "".join(read("one\n", byte_tokenizer(), stop_strings=("\n\n",))[0]) == "one\n"


def test_a_prompt_that_opens_the_thinking_marks_the_answer_as_begun_in_it():
    tokenizer = byte_tokenizer()
    assert not tokenizer.opens_thinking
    tokenizer.opens_thinking = True
    reader = AnswerReader(tokenizer, Decoding())
    assert "".join(reader.read(tokenizer.encode("Well</think>Oil"))) == "<think>Well</think>Oil"
    assert reader.tokens == len("Well</think>Oil")
