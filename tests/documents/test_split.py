"""Chunks: cut at headings, then paragraphs, then sentences; offsets always lead into the text."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from ragapp.documents import split as splitting
from ragapp.documents.readers.compose import Composer
from ragapp.documents.split import TINY, split_document
from ragapp.types import Chunk, Document, Heading, Page

BUDGET = 60


def count_characters(texts: Sequence[str]) -> list[int]:
    """Count one token a character, so that the tests can be checked by eye."""
    return [len(text) for text in texts]


def make_document(
    text: str, headings: Sequence[Heading] = (), pages: Sequence[Page] = ()
) -> Document:
    return Document("a.md", "/a.md", "", "text/markdown", text, tuple(pages), tuple(headings))


def compose(*blocks: str) -> Document:
    """Build a document; a block that begins with # is a heading of that many levels."""
    composer = Composer()
    for block in blocks:
        level = len(block) - len(block.lstrip("#"))
        if level:
            composer.heading(level, block[level:])
        else:
            composer.paragraph(block)
    extract = composer.extract()
    return make_document(extract.text, extract.headings)


def split(document: Document, budget: int = BUDGET) -> list[Chunk]:
    return list(split_document(document, count_characters, budget))


def sentence(topic: str, length: int = 20) -> str:
    return topic + "字" * (length - len(topic) - 1) + "。"


def test_a_short_document_is_one_chunk() -> None:
    document = compose("第一句。第二句。")
    (chunk,) = split(document)
    assert chunk.text == document.text
    assert [document.text[s.start : s.end] for s in chunk.sentences] == ["第一句。", "第二句。"]
    assert chunk.page is None
    assert chunk.heading == ()


def test_headings_part_chunks_and_name_them() -> None:
    document = compose(
        "#甲", "##乙", sentence("一", 40), "##丙", sentence("二", 40), "#丁", sentence("三", 40)
    )
    assert [chunk.heading for chunk in split(document)] == [("甲", "乙"), ("甲", "丙"), ("丁",)]


def test_a_heading_with_nothing_under_it_goes_with_what_follows() -> None:
    first, *_ = split(compose("#甲", "##乙", sentence("一", 40)))
    assert first.text.startswith("甲\n\n乙\n\n一")
    assert first.heading == ("甲", "乙")


def test_tiny_sections_under_one_parent_share_a_chunk_named_by_the_parent() -> None:
    document = compose("#甲", sentence("零", 40), "##乙", "一。", "##丙", "二。")
    chunks = split(document)
    assert chunks[-1].text.endswith("乙\n\n一。\n\n丙\n\n二。")
    assert chunks[-1].heading == ("甲",)


def test_paragraphs_stay_whole_where_that_leaves_chunks_full_enough() -> None:
    paragraphs = [sentence("一") + sentence("二"), sentence("三") + sentence("四")]
    chunks = split(compose(*paragraphs))
    assert [chunk.text for chunk in chunks] == paragraphs


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    chunks = split(compose("".join(sentence(str(n), 25) for n in range(8))))
    assert len(chunks) > 3
    for chunk in chunks:
        assert chunk.text.endswith("。")
        assert len(chunk.text) <= BUDGET


def test_a_short_sentence_is_repeated_when_a_paragraph_is_cut() -> None:
    short = sentence("短", 8)
    document = compose(sentence("一", 30) + short + sentence("二", 50) + sentence("三", 40))
    first, second, *_ = split(document)
    assert first.text.endswith(short)
    assert second.text.startswith(short)


def test_nothing_is_repeated_between_paragraphs() -> None:
    chunks = split(compose(*(sentence(str(n), 8) for n in range(40))))
    for before, after in pairwise(chunks):
        assert before.end <= after.start


def test_a_sentence_over_the_budget_is_cut_at_commas_then_words_then_anywhere() -> None:
    at_commas = split(compose("，".join(["逗号之间的文字"] * 20) + "。"))
    assert all(chunk.text.endswith(("，", "。")) for chunk in at_commas)
    at_words = split(compose(" ".join(["word"] * 60)))
    assert {word for chunk in at_words for word in chunk.text.split()} == {"word"}
    anywhere = split(compose("字" * 300))
    assert "".join(chunk.text for chunk in anywhere) == "字" * 300
    for chunk in [*at_commas, *at_words, *anywhere]:
        assert len(chunk.text) <= BUDGET


def test_the_last_chunk_of_a_section_is_not_tiny() -> None:
    chunks = split(compose("".join(sentence(str(n), 10) for n in range(7))))
    assert min(len(chunk.text) for chunk in chunks) > TINY * BUDGET * 2


def test_the_page_is_that_of_the_first_character() -> None:
    text = sentence("一", 50) + "\n\n" + sentence("二", 50)
    pages = [Page(1, 0, 50), Page(2, 50, 50), Page(3, 52, 102)]
    assert [chunk.page for chunk in split(make_document(text, pages=pages))] == [1, 3]


def test_sentences_are_counted_in_one_call() -> None:
    calls = []

    def count(texts: Sequence[str]) -> list[int]:
        calls.append(len(texts))
        return count_characters(texts)

    list(
        split_document(
            compose(*(f"#{n}" if n % 3 == 0 else sentence(str(n)) for n in range(30))), count, 60
        )
    )
    assert len(calls) == 1


def test_an_empty_document_has_no_chunks() -> None:
    assert split(make_document(" \n\n ")) == []


def test_a_budget_below_one_token_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_tokens"):
        split(compose("一。"), 0)


def test_chunks_cover_the_text_in_order_whatever_it_is() -> None:
    rng = random.Random(3)
    pieces = [
        "标题",
        "一个句子。",
        "短。",
        "A sentence in English. ",
        "，",
        "x" * 90,
        "\n\n",
        "\n",
        "| a | b",
        "  ",
    ]
    for _ in range(300):
        text = "".join(rng.choices(pieces, k=rng.randrange(1, 60)))
        starts = sorted({rng.randrange(len(text)) for _ in range(rng.randrange(4))})
        headings = [Heading(rng.randrange(1, 4), f"标题{start}", start) for start in starts]
        document = make_document(text, headings)
        covered: set[int] = set()
        for chunk in split(document, rng.choice([5, 30, 60, 500])):
            assert chunk.text == text[chunk.start : chunk.end] == chunk.text.strip()
            assert chunk.sentences[0].start == chunk.start
            assert chunk.sentences[-1].end == chunk.end
            for span in chunk.sentences:
                covered.update(range(span.start, span.end))
        assert covered >= {i for i, character in enumerate(text) if not character.isspace()}


def compose_table(rows: Sequence[Sequence[str]]) -> Document:
    composer = Composer()
    composer.table(rows)
    extract = composer.extract()
    return replace(make_document(extract.text), blocks=extract.blocks)


def test_a_row_is_one_unit_whatever_stands_in_it() -> None:
    document = compose_table(
        [["Part", "Remark"], ["K-1", "Is it old? Yes. Replace."], ["K-2", "3"]]
    )
    (chunk,) = split(document, 200)
    assert [document.text[s.start : s.end] for s in chunk.sentences] == [
        "Part: K-1 | Remark: Is it old? Yes. Replace.",
        "Part: K-2 | Remark: 3",
    ]


def test_a_long_table_is_cut_between_rows_that_each_name_their_columns() -> None:
    rows = [["Part", "Stock"], *([f"K-{n}", str(n)] for n in range(40))]
    chunks = split(compose_table(rows))
    assert len(chunks) > 5
    assert all(chunk.text.startswith("Part: K-") for chunk in chunks)


def test_code_is_cut_at_blank_lines() -> None:
    composer = Composer()
    functions = [f"def f{n}(x):\n    y = x + {n}\n    return y" for n in range(4)]
    composer.code("\n\n".join(functions))
    extract = composer.extract()
    document = replace(make_document(extract.text), blocks=extract.blocks)
    assert [chunk.text for chunk in split(document, 50)] == functions


def test_a_long_text_is_cut_portion_by_portion_and_nothing_is_lost(monkeypatch) -> None:
    text = "\n\n".join(sentence(f"word{n}") for n in range(300))
    heads = "".join(f"{text}\n\n" for _ in range(3))
    headings = [Heading(1, f"Part {n}", n * (len(text) + 2)) for n in range(3)]
    document = make_document(heads, headings=headings)
    monkeypatch.setattr(splitting, "PORTION", 500)
    chunks = split(document, 120)
    covered = "".join(chunk.text for chunk in chunks)
    assert all(f"word{n}" in covered for n in range(300))
    ends = [span for chunk in chunks for span in chunk.sentences]
    assert {heads[s.start : s.end] for s in ends} == {sentence(f"word{n}") for n in range(300)}
    assert {chunk.heading for chunk in chunks} == {("Part 0",), ("Part 1",), ("Part 2",)}
    starts = [chunk.start for chunk in chunks]
    assert starts == sorted(starts)


def test_a_portion_ends_where_a_line_does_if_there_is_one(monkeypatch) -> None:
    monkeypatch.setattr(splitting, "PORTION", 100)
    lines = "\n".join("x" * 30 for _ in range(20))
    assert [chunk.text.count("x") for chunk in split(make_document(lines), 31)] == [30] * 20
    endless = "y" * 1000
    assert sum(chunk.text.count("y") for chunk in split(make_document(endless), 50)) == 1000
