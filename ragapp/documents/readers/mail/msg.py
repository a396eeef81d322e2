"""Mails of Outlook (.msg): an OLE file whose streams are the properties of MAPI.

Source: Microsoft, [MS-OXMSG] sections 2.1 to 2.4, for the names of the streams.
"""

from __future__ import annotations

import io
from typing import Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.html.reader import decode_html
from ragapp.documents.readers.mail.message import Message, compose_message
from ragapp.documents.signatures import holds_stream
from ragapp.errors import BrokenDocument, DocumentError
from ragapp.text.decode import decode

_SUBJECT, _BODY, _HTML = "0037", "1000", "1013"
_HEADS = (("From", "0C1A"), ("To", "0E04"), ("Cc", "0E03"))
_LONG_NAME, _SHORT_NAME, _DATA = "3707", "3704", "3701"
_UNICODE, _BYTES, _BINARY = "001F", "001E", "0102"


def read(data: bytes, name: str) -> Extract:
    """Return the text of a mail with its attachments.

    Raises:
        BrokenDocument: damaged.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(data)) as ole:
            message = Message(
                _text(ole, "", _SUBJECT, name),
                [(key, _text(ole, "", number, name)) for key, number in _HEADS],
                _text(ole, "", _BODY, name),
                _page(ole, name),
                _attachments(ole, name),
            )
    except (OSError, ValueError, IndexError, TypeError, AttributeError, EOFError) as error:
        raise BrokenDocument(
            "office_damaged", name=name, format="Outlook", reason=str(error)
        ) from error
    return compose_message(message, name)


def _attachments(ole: Any, name: str) -> list[tuple[str, bytes]]:  # noqa: ANN401 - untyped
    storages = {path[0] for path in ole.listdir() if path[0].startswith("__attach_version1.0_#")}
    found = []
    for storage in sorted(storages):
        place = f"{storage}/"
        attached = _text(ole, place, _LONG_NAME, name) or _text(ole, place, _SHORT_NAME, name)
        data = _stream(ole, f"{place}__substg1.0_{_DATA}{_BINARY}")
        if attached and data:
            found.append((attached, data))
    return found


def _page(ole: Any, name: str) -> str:  # noqa: ANN401
    data = _stream(ole, f"__substg1.0_{_HTML}{_BINARY}")
    try:
        return decode_html(data, name).text if data else ""
    except DocumentError:
        return ""


def _text(ole: Any, place: str, number: str, name: str) -> str:  # noqa: ANN401
    wide = _stream(ole, f"{place}__substg1.0_{number}{_UNICODE}")
    if wide:
        return wide.decode("utf-16-le", "replace").rstrip("\0")
    narrow = _stream(ole, f"{place}__substg1.0_{number}{_BYTES}").rstrip(b"\0")
    try:
        return decode(narrow, name).text if narrow else ""
    except DocumentError:
        return narrow.decode("cp1252", "replace")


def _stream(ole: Any, path: str) -> bytes:  # noqa: ANN401
    return bytes(ole.openstream(path).read()) if ole.exists(path) else b""


FORMAT = Format(
    name="Outlook",
    suffixes=(".msg",),
    media_type="application/vnd.ms-outlook",
    read=read,
    signature=holds_stream("__properties_version1.0"),
    always_signed=True,
)
