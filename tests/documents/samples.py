"""One small, whole file of every format, made here; each says ``SENTENCE`` and ``SATZ``.

Whatever is true of every reader is tested on these: that they are read, and that no change of
their bytes gets a reader out of step.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from email.message import EmailMessage

SENTENCE = "The harbour opens at seven."
HAN = "港口七点开门。"
_W3 = "http://www.w3.org"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_OPEN_XML = "http://schemas.openxmlformats.org"


def zip_of(members: dict[str, bytes | str], stored_first: bool = False) -> bytes:
    """Pack members in their order; ``stored_first`` leaves the first as it is (EPUB, ODF)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (name, data) in enumerate(members.items()):
            plain = stored_first and place == 0
            archive.writestr(name, data, zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED)
    return file.getvalue()


def pdf() -> bytes:
    from fpdf import FPDF

    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in range(3):
        made.add_page()
        made.multi_cell(0, 8, f"Page {page + 1}. {SENTENCE} Boats wait outside.")
    return bytes(made.output())


def docx() -> bytes:
    import docx as python_docx

    document = python_docx.Document()
    document.add_heading("Harbour", 1)
    document.add_paragraph(f"{SENTENCE} {HAN}")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("Berth", "Depth", "A4", "8 m"), strict=True):
        cell.text = text
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pptx() -> bytes:
    from pptx import Presentation

    slides = Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Harbour"
    slide.placeholders[1].text = f"{SENTENCE} {HAN}"
    slide.notes_slide.notes_text_frame.text = "Ask the harbour master."
    file = io.BytesIO()
    slides.save(file)
    return file.getvalue()


def xlsx() -> bytes:
    rows = (("Berth", "Remark"), ("A4", SENTENCE), ("B2", HAN))
    cells = "".join(
        f"<row r='{r}'>"
        + "".join(
            f"<c r='{'AB'[c]}{r}' t='inlineStr'><is><t>{text}</t></is></c>"
            for c, text in enumerate(row)
        )
        + "</row>"
        for r, row in enumerate(rows, 1)
    )
    main = f"{_OPEN_XML}/spreadsheetml/2006/main"
    office = f"{_OPEN_XML}/officeDocument/2006/relationships"
    package = f"{_OPEN_XML}/package/2006"
    return zip_of(
        {
            "[Content_Types].xml": f"<Types xmlns='{package}/content-types'>"
            "<Default Extension='rels' ContentType="
            "'application/vnd.openxmlformats-package.relationships+xml'/>"
            "<Default Extension='xml' ContentType='application/xml'/></Types>",
            "_rels/.rels": f"<Relationships xmlns='{package}/relationships'><Relationship Id='r1'"
            f" Type='{office}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
            "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{office}'><sheets>"
            "<sheet name='Berths' sheetId='1' r:id='r1'/></sheets></workbook>",
            "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{package}/relationships'>"
            f"<Relationship Id='r1' Type='{office}/worksheet' Target='worksheets/sheet1.xml'/>"
            "</Relationships>",
            "xl/worksheets/sheet1.xml": f"<worksheet xmlns='{main}'><sheetData>{cells}"
            "</sheetData></worksheet>",
        }
    )


def open_document(kind: str, body: str) -> bytes:
    """Build an OpenDocument file: ``kind`` is text, presentation or spreadsheet."""
    media_type = f"application/vnd.oasis.opendocument.{kind}"
    spaces = " ".join(
        f"xmlns:{prefix}='{_OASIS}:{name}:1.0'"
        for prefix, name in (
            ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
            ("svg", "svg-compatible"), ("presentation", "presentation"),
        )
    )  # fmt: skip
    return zip_of(
        {
            "mimetype": media_type,
            "META-INF/manifest.xml": f"<m:manifest xmlns:m='{_OASIS}:manifest:1.0'>"
            f"<m:file-entry m:full-path='/' m:media-type='{media_type}'/>"
            "<m:file-entry m:full-path='content.xml' m:media-type='text/xml'/></m:manifest>",
            "content.xml": f"<office:document-content {spaces} office:version='1.3'><office:body>"
            f"<office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
        },
        stored_first=True,
    )


def odt() -> bytes:
    return open_document(
        "text",
        f"<text:h text:outline-level='1'>Harbour</text:h><text:p>{SENTENCE}</text:p>"
        f"<text:p>{HAN}</text:p>",
    )


def odp() -> bytes:
    return open_document(
        "presentation",
        f"<draw:page draw:name='p1'><draw:frame><draw:text-box><text:p>{SENTENCE}</text:p>"
        f"<text:p>{HAN}</text:p></draw:text-box></draw:frame></draw:page>",
    )


def ods() -> bytes:
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f"<table:table-cell office:value-type='string'><text:p>{text}</text:p>"
            "</table:table-cell>"
            for text in row
        )
        + "</table:table-row>"
        for row in (("Berth", "Remark"), ("A4", SENTENCE), ("B2", HAN))
    )
    return open_document("spreadsheet", f"<table:table table:name='Berths'>{rows}</table:table>")


def epub() -> bytes:
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": "<container version='1.0' xmlns="
            f"'{_OASIS.replace('opendocument:xmlns', 'container')}'><rootfiles><rootfile"
            " full-path='OEBPS/book.opf' media-type='application/oebps-package+xml'/>"
            "</rootfiles></container>",
            "OEBPS/book.opf": "<package xmlns='http://www.idpf.org/2007/opf' version='3.0'>"
            "<metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>Harbours</dc:title>"
            "</metadata><manifest><item id='c1' href='one.xhtml'"
            " media-type='application/xhtml+xml'/></manifest><spine><itemref idref='c1'/></spine>"
            "</package>",
            "OEBPS/one.xhtml": f"<html xmlns='{_W3}/1999/xhtml'><body><h1>One</h1>"
            f"<p>{SENTENCE}</p><p>{HAN}</p></body></html>",
        },
        stored_first=True,
    )


def html() -> bytes:
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>Harbour</title></head><body>"
        f"<p>{SENTENCE} <a href='https://a.example/'>more</a></p><p>{HAN}</p><table><tr><th>Berth"
        "</th><th>Depth</th></tr><tr><td>A4</td><td>8 m</td></tr></table></body></html>"
    ).encode()


def mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "Ann <ann@a.example>", "li@a.example"
    message["Subject"], message["Date"] = "港口 Harbour", "Mon, 02 Nov 2026 10:00:00 +0000"
    message.set_content(f"{SENTENCE}\n\n{HAN}\n")
    message.add_alternative(f"<p>{SENTENCE}</p><p>{HAN}</p>", subtype="html")
    message.add_attachment("Attached words.", filename="words.txt")
    return message.as_bytes()


def mhtml() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "<Saved by Blink>", "Harbour"
    message["Snapshot-Content-Location"] = "https://a.example/harbour"
    message.set_content(html().decode(), subtype="html")
    message.make_related()
    return message.as_bytes()


def rtf() -> bytes:
    han = "".join(f"\\u{ord(character)}?" for character in HAN)
    body = f"\\pard {SENTENCE}\\par {han}\\par"
    return f"{{\\rtf1\\ansi\\deff0 {{\\fonttbl{{\\f0 A;}}}}{body}}}".encode()


def notebook() -> bytes:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# Harbour\n{SENTENCE}\n\n{HAN}"]},
        {
            "cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["print(7)"],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["7\n"]}],
        },
    ]  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def subtitles(comma: str, head: str = "") -> bytes:
    times = f"00:00:01{comma}000 --> 00:00:04{comma}000"
    return f"{head}1\n{times}\n{SENTENCE}\n\n2\n{times.replace('01', '05')}\n{HAN}\n".encode()


def tar(pack: Callable[[bytes], bytes] = bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("letters/harbour.txt")
        info.size = len(text())
        archive.addfile(info, io.BytesIO(text()))
    return pack(file.getvalue())


def seven_zip() -> bytes:
    import py7zr

    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w") as archive:
        archive.writestr(text().decode(), "letters/harbour.txt")
    return file.getvalue()


def text() -> bytes:
    return f"{SENTENCE}\n\n{HAN}\n".encode()


def records() -> list[dict[str, str]]:
    return [{"berth": "A4", "remark": SENTENCE}, {"berth": "B2", "remark": HAN}]


SAMPLES: dict[str, Callable[[], bytes]] = {
    ".pdf": pdf,
    ".docx": docx,
    ".pptx": pptx,
    ".xlsx": xlsx,
    ".odt": odt,
    ".odp": odp,
    ".ods": ods,
    ".epub": epub,
    ".html": html,
    ".mht": mhtml,
    ".md": lambda: (
        f"---\ntitle: Harbour\n---\n# One\n\n{SENTENCE}\n\n{HAN}\n\n"
        "| Berth | Depth |\n|---|---|\n| A4 | 8 m |\n\n```python\nx = 1\n```\n".encode()
    ),
    ".txt": text,
    ".eml": mail,
    ".rtf": rtf,
    ".csv": lambda: f"berth,remark\nA4,{SENTENCE}\nB2,{HAN}\n".encode(),
    ".tsv": lambda: f"berth\tremark\nA4\t{SENTENCE}\nB2\t{HAN}\n".encode(),
    ".json": lambda: json.dumps(records(), ensure_ascii=False).encode(),
    ".jsonl": lambda: "\n".join(json.dumps(one, ensure_ascii=False) for one in records()).encode(),
    ".ipynb": notebook,
    ".py": lambda: (
        f'"""{SENTENCE}"""\n\n\ndef opens() -> int:\n    # {HAN}\n    return 7\n'.encode()
    ),
    ".srt": lambda: subtitles(","),
    ".vtt": lambda: subtitles(".", "WEBVTT\n\n"),
    ".zip": lambda: zip_of({"letters/harbour.txt": text()}),
    ".tar": tar,
    ".tar.gz": lambda: tar(gzip.compress),
    ".tar.bz2": lambda: tar(bz2.compress),
    ".tar.xz": lambda: tar(lzma.compress),
    ".7z": seven_zip,
}
"""By suffix."""
