"""Token ids become an answer: whole characters, an end at a stop string, thoughts told apart."""

import itertools
import random

import pytest
from tiny_model import byte_tokenizer

from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import Answer, Text, Thought
from ragapp.llm.reader import AnswerReader, IncrementalDetokeniser, StopStrings, ThoughtSplitter
from ragapp.types import FinishReason

# --- half a character is never shown ---

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


# --- stop strings ---


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


# --- thoughts ---

ANSWER = "<think>\nThe lamp… 灯？ a < b\n</think>\n\nHerring oil."


def split(pieces):
    splitter = ThoughtSplitter()
    said = [part for piece in pieces for part in splitter.push(piece)] + list(splitter.finish())
    answer = Answer.of(said)
    return answer.thought, answer.text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_thinking_and_answer_are_told_apart_however_the_text_is_cut(size):
    pieces = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
    assert split(pieces) == ("The lamp… 灯？ a < b\n", "Herring oil.")


@pytest.mark.parametrize("text", ["Herring oil.", "<thin air>", "a <think> b </think>", "  <", ""])
def test_without_thinking_everything_is_the_answer(text):
    assert split(list(text)) == ("", text.lstrip())


def test_an_empty_thought_leaves_nothing():
    assert split(["<think>\n\n</think>\n\n油。"]) == ("", "油。")


def test_thinking_cut_short_is_not_passed_off_as_an_answer():
    assert split(["<think>\nWell, the la"]) == ("Well, the la", "")


def test_text_comes_as_soon_as_it_is_certain():
    splitter = ThoughtSplitter()
    assert list(splitter.push("<thi")) == []
    assert list(splitter.push("nk>The lamp </th")) == [Thought("The lamp ")]
    assert list(splitter.push("ink>Oil")) == [Text("Oil")]


# --- a whole answer ---


def read(text, tokenizer, after=(), thinking=False, **values):
    reader = AnswerReader(tokenizer, Decoding(**values), thinking=thinking)
    events = list(reader.read([*tokenizer.encode(text), *after]))
    return events, reader


def text_of(events):
    return Answer.of(events).text


def test_an_answer_ends_at_its_terminator():
    tokenizer = byte_tokenizer()
    events, reader = read("白化", tokenizer, [*tokenizer.terminators, 5, 6])
    assert events == [Text("白"), Text("化")]
    assert reader.tokens == 6
    assert reader.finish_reason(cancelled=True) is FinishReason.STOP


def test_an_answer_ends_before_a_stop_string():
    events, reader = read("one\n\ntwo", byte_tokenizer(), stop_strings=("\n\n",))
    assert text_of(events) == "one"
    assert reader.tokens == 5
    assert reader.finish_reason(cancelled=False) is FinishReason.STOP


def test_why_an_answer_without_end_ended():
    _, full = read("abcd", byte_tokenizer(), max_new_tokens=4)
    assert full.finish_reason(cancelled=True) is FinishReason.LENGTH
    _, part = read("abc", byte_tokenizer(), max_new_tokens=4)
    assert part.finish_reason(cancelled=True) is FinishReason.CANCELLED


def test_beams_come_in_one_piece():
    thinking = "<think>Two words.</think>two words"
    events, _ = read(thinking, byte_tokenizer(), num_beams=2)
    assert events == [Thought("Two words."), Text("two words")]


def test_what_may_become_a_stop_string_is_shown_when_nothing_follows():
    assert text_of(read("one\n", byte_tokenizer(), stop_strings=("\n\n",))[0]) == "one\n"


def test_thoughts_are_told_apart_and_counted():
    events, reader = read("<think>Well</think>\n\nOil", byte_tokenizer())
    assert Answer.of(events) == Answer("Oil", "Well")
    assert reader.tokens == len("<think>Well</think>\n\nOil")


def test_after_a_prompt_that_opens_the_thinking_the_answer_begins_in_it():
    events, reader = read("Well</think>Oil", byte_tokenizer(), thinking=True)
    assert Answer.of(events) == Answer("Oil", "Well")
    assert reader.tokens == len("Well</think>Oil")


def test_a_stop_string_ends_the_thinking_too():
    events, reader = read("<think>a\n\nb</think>c", byte_tokenizer(), stop_strings=("\n\n",))
    assert Answer.of(events) == Answer("", "a")
    assert reader.finish_reason(cancelled=False) is FinishReason.STOP


def test_what_may_become_a_mark_is_shown_when_nothing_follows():
    assert text_of(read("<thi", byte_tokenizer())[0]) == "<thi"
    assert Answer.of(read("<think>a</th", byte_tokenizer())[0]).thought == "a</th"


def test_it_says_how_the_answer_went():
    _, reader = read("abcd", byte_tokenizer(), max_new_tokens=4)
    done = reader.done(7, None, cancelled=True)
    assert (done.finish_reason, done.completion_tokens) == (FinishReason.LENGTH, 4)
    assert (done.prompt_tokens, done.cached_tokens) == (7, None)
    assert done.first_token_s > 0
    assert done.tokens_per_s > 0


def test_an_answer_without_a_token_has_no_speed():
    tokenizer = byte_tokenizer()
    events, reader = read("", tokenizer, tokenizer.terminators)
    done = reader.done(7, 0, cancelled=False)
    assert events == []
    assert (done.completion_tokens, done.first_token_s, done.tokens_per_s) == (0, None, None)
