"""PDF pages become paragraphs again, and every character keeps its page."""

import random

import pytest

from ragapp.documents.readers.pdf.headings import OutlineEntry, find_headings
from ragapp.documents.readers.pdf.lines import Line
from ragapp.documents.readers.pdf.reader import read
from ragapp.documents.readers.pdf.running import drop_running_lines
from ragapp.errors import BrokenDocument, EmptyDocument, EncryptedDocument
from ragapp.types import Note

from .pdf_files import chinese_pdf, english_pdf

FOX = (
    "The quick brown fox jumps over the lazy dog every single morning, and the dog has long since "
    "stopped to care about it. Nobody knows why."
)
HARE = "The hare, however, sleeps in the field until noon and then runs for its life."


def test_wrapped_lines_become_one_paragraph() -> None:
    extract = read(english_pdf([[(FOX, 11), (HARE, 11)]]), "a.pdf")
    assert extract.text == f"{FOX}\n\n{HARE}"


def test_chinese_lines_join_without_a_space() -> None:
    data = chinese_pdf(
        [
            [
                (80, 760, 12, "员工请假须提前三个工作日提出申请，经部门负责"),
                (56, 742, 12, "人批准后方可离岗。病假应当在返岗后两日内补交"),
                (56, 724, 12, "医院证明。"),
                (80, 706, 12, "加班以小时计，可折算为调休，调休应当在当年之"),
                (56, 688, 12, "内用完。"),
            ]
        ]
    )
    assert read(data, "制度.pdf").text == (
        "员工请假须提前三个工作日提出申请，经部门负责人批准后方可离岗。"
        "病假应当在返岗后两日内补交医院证明。\n\n"
        "加班以小时计，可折算为调休，调休应当在当年之内用完。"
    )


def test_a_sentence_runs_over_the_page_break() -> None:
    data = chinese_pdf(
        [
            [(56, 100, 12, "申请人应当自收到通知之日起三十日之内向人事部")],
            [(56, 760, 12, "提出复核，逾期不再受理。"), (56, 700, 12, "附则另行公布。")],
        ]
    )
    extract = read(data, "规定.pdf")
    first, second = extract.pages
    assert "人事部提出复核" in extract.text
    assert extract.text[first.start : first.end].endswith("人事部")
    assert extract.text[second.start : second.end].startswith("提出复核")


def test_a_word_hyphenated_at_the_line_end_is_mended() -> None:
    text = "The committee reached an agree-\nment on the well-known rules of 2019-\n2020."
    extract = read(english_pdf([[(text, 11)]]), "a.pdf")
    assert "agreement" in extract.text
    assert "well-known" in extract.text
    assert "2019-2020" in extract.text


def test_headers_and_footers_are_said_once_and_page_numbers_not_at_all() -> None:
    words = ["apples", "pears", "plums", "figs", "grapes"]
    pages = [[(f"This page is about {word}. It ends here.", 11)] for word in words]
    data = english_pdf(pages, header="Acme Corp. confidential", footer="- {page} -")
    extract = read(data, "a.pdf")
    assert extract.text.count("Acme") == 1
    assert "- 3 -" not in extract.text
    assert [extract.text[p.start : p.end].split()[-4] for p in extract.pages] == [
        f"{word}." for word in words
    ]


def test_a_table_of_contents_keeps_its_lines_and_loses_its_dots() -> None:
    entries = "".join(f"{n} Chapter about fruit {'. ' * 25}{n * 7}\n" for n in (1, 2, 3))
    extract = read(english_pdf([[(entries, 9)]]), "a.pdf")
    assert extract.text.splitlines() == [f"{n} Chapter about fruit ... {n * 7}" for n in (1, 2, 3)]


def test_what_stands_on_few_pages_is_kept() -> None:
    data = english_pdf([[("One page.", 11)], [("Another page.", 11)]], header="Acme Corp.")
    assert read(data, "a.pdf").text.count("Acme Corp.") == 2


def test_bookmarks_become_headings() -> None:
    data = english_pdf(
        [[("1 Animals", 11), (FOX, 11)], [("1.1 Hares", 11), (HARE, 11)]],
        bookmarks=[(0, "Animals", 1), (1, "Hares", 2)],
    )
    extract = read(data, "a.pdf")
    assert [(h.level, h.title) for h in extract.headings] == [(1, "1 Animals"), (2, "1.1 Hares")]
    for heading in extract.headings:
        assert extract.text[heading.start :].startswith(heading.title)


def test_without_bookmarks_large_letters_are_headings() -> None:
    data = english_pdf([[("Animals", 20), (FOX, 11), ("Hares", 15), (HARE, 11), (FOX, 11)]])
    extract = read(data, "a.pdf")
    assert [(h.level, h.title) for h in extract.headings] == [(1, "Animals"), (2, "Hares")]
    assert "Animals\n\nThe quick" in extract.text


def test_pages_without_text_are_counted() -> None:
    extract = read(english_pdf([[(FOX, 11)], [], [(HARE, 11)]]), "a.pdf")
    assert extract.notes == (Note("pages_without_text", {"without": 1, "pages": 3}),)
    assert [page.number for page in extract.pages] == [1, 2, 3]
    assert extract.pages[1].start == extract.pages[1].end


def test_pages_lie_in_the_text_one_after_the_other() -> None:
    extract = read(english_pdf([[(FOX, 11)], [], [(HARE, 11)], [(FOX, 11)]]), "a.pdf")
    position = 0
    for page in extract.pages:
        assert position <= page.start <= page.end <= len(extract.text)
        position = page.end


def test_a_scan_asks_for_ocr() -> None:
    with pytest.raises(EmptyDocument, match="--ocr"):
        read(english_pdf([[], []]), "scan.pdf")


def test_an_empty_password_opens() -> None:
    assert "quick brown" in read(english_pdf([[(FOX, 11)]], password="owner"), "a.pdf").text


def test_a_password_is_asked_for() -> None:
    data = english_pdf([[(FOX, 11)]], password="owner", user_password="secret")
    with pytest.raises(EncryptedDocument, match="password"):
        read(data, "a.pdf")


@pytest.mark.parametrize("keep", [20, 200, 600])
def test_a_torn_file_is_called_damaged(keep: int) -> None:
    with pytest.raises((BrokenDocument, EmptyDocument)):
        read(english_pdf([[(FOX, 11)]])[:keep], "a.pdf")


def test_pages_of_nothing_but_repeating_lines_keep_them() -> None:
    tickets = [
        [
            (60, 700, 12, "音乐会 3月21日"),
            (60, 600, 12, f"4排{seat}座"),
            (60, 500, 12, f"票号 {seat}"),
        ]
        for seat in range(11, 17)
    ]
    text = read(chinese_pdf(tickets), "tickets.pdf").text
    assert all(f"4排{seat}座" in text and f"票号 {seat}" in text for seat in range(11, 17))
    assert text.count("音乐会") == 6


def test_a_stamp_alone_on_some_pages_does_not_empty_them() -> None:
    stamp = (60, 780, 9, "扫描件 存档")
    pages = [
        [stamp, (60, 600, 12, f"内容{'甲乙丙丁戊'[n]}，不重复。")] if n % 2 else [stamp]
        for n in range(5)
    ]
    extract = read(chinese_pdf(pages), "scan.pdf")
    assert all(page.end > page.start for page in extract.pages)


def test_whatever_repeats_no_page_loses_all_its_lines() -> None:
    rng = random.Random(7)
    for _ in range(300):
        pages = [
            [
                Line(
                    rng.choice(["Seat 4", "12", "Header", "Page 3", "第一章", "body"]),
                    60.0,
                    y,
                    11.0,
                )
                for y in rng.sample([800.0, 790.0, 400.0, 60.0, 50.0], rng.randrange(5))
            ]
            for _ in range(rng.randrange(1, 9))
        ]
        kept = drop_running_lines(pages, [(0.0, 842.0)] * len(pages))
        assert [bool(page) for page in kept] == [bool(page) for page in pages]
        find_headings(kept, [])
        find_headings(kept, [OutlineEntry(1, "Seat", 0, 90.0), OutlineEntry(2, "12", 99, None)])
