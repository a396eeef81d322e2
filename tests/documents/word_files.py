"""Word documents with parts that python-docx does not write."""

import io
import zipfile

from docx.document import Document as DocxDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from ragapp.documents.readers.docx.reader import read

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def saved(document: DocxDocument) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def text_of(document: DocxDocument) -> str:
    return read(saved(document), "a.docx").text


def paragraph(document: DocxDocument, runs: str) -> None:
    xml = f"<w:p {nsdecls('w', 'r')} xmlns:m='{MATH}'>{runs}</w:p>"
    document.element.body.insert_element_before(parse_xml(xml), "w:sectPr")


def run(text: str) -> str:
    return f"<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>"


def with_part(data: bytes, name: str, kind: str, xml: str) -> bytes:
    """Add a part to a package, with the relationship that leads to it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if member == "word/_rels/document.xml.rels":
                link = f'<Relationship Id="rAdded-{kind}" Type="{OFFICE}/{kind}" Target="{name}"/>'
                content = content.replace(b"</Relationships>", f"{link}</Relationships>".encode())
            new.writestr(member, content)
        new.writestr(f"word/{name}", xml)
    return file.getvalue()
