import pytest

from ragapp.llm.thinking import ThinkingSplitter

ANSWER = "<think>\nThe lamp… 灯？ a < b\n</think>\n\nHerring oil."


def split(pieces):
    splitter = ThinkingSplitter()
    said = [part for piece in pieces for part in splitter.push(piece)] + list(splitter.finish())
    thought = "".join(part.text for part in said if part.thought)
    return thought, "".join(part.text for part in said if not part.thought)


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
    splitter = ThinkingSplitter()
    assert list(splitter.push("<thi")) == []
    assert [said.text for said in splitter.push("nk>The lamp </th")] == ["The lamp "]
    assert [said.thought for said in splitter.push("ink>Oil")] == [False]
