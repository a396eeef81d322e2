"""Files as nobody wants them: damaged, hostile, mislabelled, made by script.

``BAD`` holds for each name how to make it, and what must come of it: a class of error, or words
that its text holds.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ragapp.errors import (
    BrokenDocument,
    DocumentError,
    EmptyDocument,
    EncryptedDocument,
    MisnamedDocument,
)

from .hostile_files import docx_of, docx_with_member
from .pdf_files import english_pdf
from .samples import SAMPLES, zip_of

CHINESE = "港口每天早上七点开门，晚上十点关门。船只应当在指定的泊位停靠，并向港务局报告。"
TRADITIONAL = "港口每天早上七點開門，晚上十點關門。船隻應當在指定的泊位停靠，並向港務局報告。"
JAPANESE = "港は毎朝七時に開きます。船は決められた場所に停泊し、港務局に報告してください。"
RUSSIAN = "Порт открывается каждый день в семь часов утра и закрывается в десять часов вечера."


@dataclass(frozen=True, slots=True)
class Bad:
    """How to make a file, and what comes of it: ``ends`` an error, or text that ``holds`` words."""

    make: Callable[[], bytes]
    ends: type[DocumentError] | tuple[type[DocumentError], ...] = ()
    holds: str = ""


def pdf_of(objects: list[bytes]) -> bytes:
    """Build a PDF of numbered objects, the first of them the catalogue."""
    file = io.BytesIO()
    file.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    table = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    file.write(b"trailer << /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
    file.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return file.getvalue()


def many_pages_pdf(pages: int) -> bytes:
    """Build a PDF of so many pages, each with a line of its own."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * page) for page in range(pages))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for page in range(pages):
        words = b"BT /F1 12 Tf 72 700 Td (Sheet %d tells of berth %d.) Tj ET" % (page + 1, page * 7)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * page),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(words), words),
        ]
    return pdf_of(objects)


def cyclic_pdf() -> bytes:
    """Build a PDF whose tree of pages leads back to its root."""
    return pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Pages /Parent 2 0 R /Count 1 /Kids [2 0 R 3 0 R] >>",
        ]
    )


def entity_bomb(words: str) -> bytes:
    """Build a Word document whose entities would unfold to ten billion characters."""
    levels = "".join(f"<!ENTITY e{level} '{f'&e{level - 1};' * 10}'>" for level in range(1, 10))
    body = (
        f"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY e0 'bombbombbo'>{levels}]><w:document xmlns:w="
        "'http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:body><w:p><w:r><w:t>"
        f"{words}&e9;</w:t></w:r></w:p></w:body></w:document>"
    )
    whole = io.BytesIO(docx_of(b"<w:p/>"))
    members: dict[str, bytes | str] = {}
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return zip_of({**members, "word/document.xml": body})


def utf16_without_mark() -> bytes:
    return CHINESE.encode("utf-16-le")


def _pdfs() -> Iterator[tuple[str, Bad]]:
    words = [("The words of the page are few.", 12.0)]
    page = english_pdf([words])
    yield (
        "locked.pdf",
        Bad(lambda: english_pdf([words], password="o", user_password="u"), EncryptedDocument),
    )
    yield "cut.pdf", Bad(lambda: page[: len(page) // 3], (BrokenDocument, EmptyDocument))
    yield "cyclic.pdf", Bad(cyclic_pdf, (BrokenDocument, EmptyDocument))
    yield "all-the-same.pdf", Bad(lambda: english_pdf([words] * 6), holds="words of the page")
    yield "blank.pdf", Bad(lambda: english_pdf([[], []]), EmptyDocument)
    yield (
        "ten-thousand-pages.pdf",
        Bad(lambda: many_pages_pdf(10_000), holds="Sheet 9999 tells of berth 69986."),
    )


def _archives() -> Iterator[tuple[str, Bad]]:
    yield "bomb.docx", Bad(lambda: docx_of(b"<w:p/>", 40_000_000), BrokenDocument)
    yield (
        "forged.docx",
        Bad(lambda: docx_with_member(zipfile.ZIP_DEFLATED, 1 << 20, 1 << 30), BrokenDocument),
    )
    yield "entities.docx", Bad(lambda: entity_bomb("Depth"), BrokenDocument)
    yield "really-a-zip.docx", Bad(lambda: zip_of({"a.txt": "words"}), MisnamedDocument)
    yield "torn.docx", Bad(lambda: SAMPLES[".docx"]()[:2000], BrokenDocument)
    yield (
        "climbs.zip",
        Bad(
            lambda: zip_of(
                {"../../../../tmp/climbed.txt": "It climbs out.", "/etc/x.txt": "Deep."}
            ),
            holds="It climbs out.",
        ),
    )
    nested = zip_of({"inner.txt": "At the core."})
    for _ in range(40):
        nested = zip_of({"inner.zip": nested})
    yield "nested.zip", Bad(lambda: nested, DocumentError)


def _texts() -> Iterator[tuple[str, Bad]]:
    yield "empty.txt", Bad(lambda: b"", EmptyDocument)
    yield "blank.txt", Bad(lambda: b" \r\n\t\n" * 500, EmptyDocument)
    yield "zeros.txt", Bad(lambda: bytes(4096), EmptyDocument)
    yield "rubbish.txt", Bad(lambda: bytes(range(256)) * 40, BrokenDocument)
    yield (
        "with-zeros.txt",
        Bad(lambda: b"The first line.\n" * 40 + b"\0\0Then another.\n", holds="Then another."),
    )
    yield (
        "surrogates.txt",
        Bad(
            lambda: ("The light is green. " * 20).encode() + b"\xed\xa0\x80 and red.", holds="green"
        ),
    )
    yield (
        "both-ways.txt",
        Bad(
            lambda: "The word שלום means peace, and سلام too.\u202e Backwards.".encode(),
            holds="שלום means peace",
        ),
    )
    for name, words, encoding in (
        ("gb18030.txt", CHINESE, "gb18030"),
        ("big5.txt", TRADITIONAL, "big5"),
        ("shift-jis.txt", JAPANESE, "shift_jis"),
        ("euc-jp.txt", JAPANESE, "euc_jp"),
        ("cp1251.txt", RUSSIAN, "cp1251"),
        ("utf-16.txt", CHINESE, "utf-16"),
        ("utf-16-le.txt", CHINESE, "utf-16-le"),
        ("utf-16-be.txt", CHINESE, "utf-16-be"),
    ):
        yield name, Bad(lambda w=words, e=encoding: w.encode(e), holds=words[:12])


def _markup() -> Iterator[tuple[str, Bad]]:
    yield "deep.html", Bad(lambda: b"<div>" * 200_000 + b"The bottom.", holds="The bottom.")
    yield "deep.json", Bad(lambda: b"[" * 200_000 + b"1" + b"]" * 200_000, DocumentError)
    yield (
        "spans.html",
        Bad(
            lambda: b"<table><tr><td rowspan=999999999 colspan=999999999>Wide<td>B</table>",
            holds="Wide",
        ),
    )
    yield (
        "wide.csv",
        Bad(
            lambda: (
                b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n" + b"7," * 999_999 + b"8\n"
            ),
            holds="c0",
        ),
    )
    yield "ragged.csv", Bad(lambda: b'a,b\n1\n"open, never closed\n1,2,3,4\n', holds="never closed")


BAD: dict[str, Bad] = {
    name: bad for family in (_pdfs, _archives, _texts, _markup) for name, bad in family()
}
