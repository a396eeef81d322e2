"""Mails as files (.eml): MIME, read by the standard library."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import EmailMessage, Message

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.html.reader import decode_html
from ragapp.documents.readers.mail.message import Message as Mail
from ragapp.documents.readers.mail.message import compose_message
from ragapp.errors import BrokenDocument, DocumentError
from ragapp.text.decode import decode

HEADS = ("From", "To", "Cc", "Date")
_HEAD = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]{1,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){2}")


def read(data: bytes, name: str) -> Extract:
    """Return the text of a mail with its attachments.

    Raises:
        BrokenDocument: no mail.
    """
    if not _HEAD.match(data.lstrip(b"\xef\xbb\xbf\r\n")):
        raise BrokenDocument("mail_damaged", name=name)
    return compose_message(_mail(data, name), name)


def parse(data: bytes) -> EmailMessage:
    """Return the parts of a mail."""
    return email.message_from_bytes(data, policy=email.policy.default)


def part_text(part: Message, name: str) -> str:
    """Return the text of a part, by the encoding it states if that is so, else by what it is."""
    raw = part.get_payload(decode=True)
    data = raw if isinstance(raw, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8")
    except (LookupError, ValueError):
        try:
            if part.get_content_type() == "text/html":
                return decode_html(data, name).text
            return decode(data, name).text
        except DocumentError:
            return data.decode("utf-8", "replace")


def _mail(data: bytes, name: str) -> Mail:
    root = parse(data)
    plain, html = list[str](), list[str]()
    attachments: list[tuple[str, bytes]] = []
    for part in _parts(root):
        kind = part.get_content_type()
        attached = _file_name(part)
        if kind == "text/plain" and not attached:
            plain.append(part_text(part, name))
        elif kind == "text/html" and not attached:
            html.append(part_text(part, name))
        elif kind == "message/rfc822":
            inner = part.get_payload(0) if part.is_multipart() else None
            if isinstance(inner, Message):
                attachments.append((attached or "message.eml", inner.as_bytes()))
        elif attached and not _is_inline_picture(part):
            raw = part.get_payload(decode=True)
            attachments.append((attached, raw if isinstance(raw, bytes) else b""))
    heads = [(key, _head(root, key)) for key in HEADS]
    return Mail(_head(root, "Subject"), heads, "\n\n".join(plain), "\n".join(html), attachments)


def _parts(root: Message) -> Iterator[Message]:
    """Yield the parts that are not made of parts; a mail within the mail is one."""
    stack: list[Message] = [root]
    while stack:
        part = stack.pop()
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            payload = part.get_payload()
            if isinstance(payload, list):
                stack += reversed([one for one in payload if isinstance(one, Message)])
        else:
            yield part


def _head(root: Message, key: str) -> str:
    try:
        value = str(root.get(key, ""))
    except Exception:  # noqa: BLE001 - email's parsers of heads let through whatever they meet
        raw = (value for name, value in root.raw_items() if name.lower() == key.lower())
        value = str(next(raw, ""))
    return " ".join(value.split())


def _file_name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except Exception:  # noqa: BLE001 - as above
        return ""


def _is_inline_picture(part: Message) -> bool:
    shown = part.get_content_disposition() != "attachment"
    return shown and part.get_content_maintype() == "image"


FORMAT = Format(
    name="mail",
    name_zh="邮件",
    suffixes=(".eml",),
    media_type="message/rfc822",
    read=read,
)
