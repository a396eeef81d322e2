"""Tell the kind of a file from its first bytes, as the suffix it should have."""

from __future__ import annotations

import io
import re
import zipfile

# What a person calls the kinds that have a signature.
TITLES = {
    ".pdf": "a PDF",
    ".docx": "a Word document (DOCX)",
    ".html": "a web page (HTML)",
    ".xlsx": "an Excel workbook",
    ".pptx": "a PowerPoint presentation",
    ".epub": "an EPUB book",
    ".odt": "an OpenDocument file",
    ".doc": "an old Office file (.doc, .xls or .ppt)",
    ".rtf": "an RTF document",
    ".zip": "a ZIP archive",
    ".gz": "a gzip archive",
    ".7z": "a 7z archive",
    ".rar": "a RAR archive",
    ".png": "a picture",
    ".jpg": "a picture",
    ".gif": "a picture",
    ".tiff": "a picture",
}

_SIGNATURES = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"),
    (b"{\\rtf", ".rtf"),
    (b"\x1f\x8b\x08", ".gz"),
    (b"7z\xbc\xaf\x27\x1c", ".7z"),
    (b"Rar!\x1a\x07", ".rar"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"II*\0", ".tiff"),
    (b"MM\0*", ".tiff"),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# The folder of the main part tells the Office formats apart; the rest say "mimetype".
_ZIP_MEMBERS = (
    ("word/", ".docx"),
    ("xl/", ".xlsx"),
    ("ppt/", ".pptx"),
    ("META-INF/container.xml", ".epub"),
)
_PDF_WITHIN = 1024  # bytes; readers accept rubbish of this length before "%PDF-"
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html[\s>])",
    re.I | re.S,
)
# A password turns a DOCX into an OLE file with a stream of this name.
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def sniff(data: bytes) -> str:
    """Return the suffix for what ``data`` holds, or "" when it has no signature (text, rubbish)."""
    head = data[:_PDF_WITHIN]
    for signature, suffix in _SIGNATURES:
        if head.startswith(signature):
            return suffix
    if head.startswith(_ZIP):
        return _sniff_zip(data)
    if head.startswith(b"%PDF-") or (b"\n%PDF-" in head and b"%%EOF" in data[-2048:]):
        return ".pdf"
    return ".html" if _HTML.match(data[:4096]) else ""


def is_encrypted_office(data: bytes) -> bool:
    """Say whether an old-style Office file only wraps a document locked with a password."""
    return _ENCRYPTED_PACKAGE in data


def _sniff_zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        # A DOCX that was cut short has no directory left, but begins with its content types.
        return ".docx" if b"[Content_Types].xml" in data[:4096] else ".zip"
    for prefix, suffix in _ZIP_MEMBERS:
        if any(member.startswith(prefix) for member in members):
            return suffix
    return ".odt" if "mimetype" in members else ".zip"
