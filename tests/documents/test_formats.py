"""Formats say themselves: everything that lists them follows from the registry."""

import re
from pathlib import Path

import pytest

import ragapp
from ragapp.documents.formats import (
    BY_SUFFIX,
    FORMATS,
    SUFFIXES,
    UNREAD,
    UNREAD_BY_SUFFIX,
    accepted_kinds,
)
from ragapp.text.language import Language

READERS = Path(ragapp.__file__).parent / "documents" / "readers"


def test_every_reader_is_entered() -> None:
    stating = [path for path in READERS.rglob("*.py") if "\nFORMAT = " in path.read_text("utf-8")]
    assert len(stating) == len(FORMATS)


def test_a_suffix_belongs_to_one_kind() -> None:
    assert len(SUFFIXES) == sum(len(one.suffixes) for one in FORMATS)
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in SUFFIXES)
    assert not set(SUFFIXES) & set(UNREAD_BY_SUFFIX)


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_a_format_says_what_it_is(one) -> None:
    assert one.name
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", one.media_type)
    assert one.signature is not None or not one.always_signed
    assert BY_SUFFIX[one.suffix] is one


@pytest.mark.parametrize("one", UNREAD, ids=lambda one: one.suffixes[0])
def test_what_opens_a_kind_and_what_it_becomes_are_said_together(one) -> None:
    assert one.name
    assert bool(one.programs) == bool(one.into)
    assert all(suffix in SUFFIXES for suffix in one.into.split(" / ") if one.into)


def test_the_kinds_are_named_for_people() -> None:
    assert accepted_kinds() == (
        "PDF, Word, Excel, PowerPoint, Markdown, HTML, text, CSV, OpenDocument, EPUB, RTF, mail,"
        " Outlook, MHTML, JSON, Jupyter, subtitles, source code,"
        " PNG / JPEG / TIFF, ZIP, TAR, 7z"
    )
    assert accepted_kinds(Language.CHINESE) == (
        "PDF、Word、Excel、PowerPoint、Markdown、HTML、纯文本、CSV、OpenDocument、EPUB、RTF、邮件、"
        "Outlook、MHTML、JSON、Jupyter、字幕、源代码、"
        "PNG / JPEG / TIFF、ZIP、TAR、7z"
    )


def test_the_readme_lists_the_suffixes() -> None:
    readme = Path(ragapp.__file__).parents[1].joinpath("README.md").read_text("utf-8")
    (listed,) = re.findall(r"Files that are read: (.*?)\.\s+Text", readme, re.DOTALL)
    assert tuple(re.findall(r"`(\.\w+)`", listed)) == SUFFIXES


def test_pictures_are_not_promised_without_the_packages_that_read_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ragapp.documents.ocr.MODULE", "no_such_module")
    assert "PNG" not in accepted_kinds()
    assert "PDF" in accepted_kinds()
