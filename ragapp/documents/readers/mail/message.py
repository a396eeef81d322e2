"""A message of any mail program → text: its heads, its body, its attachments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ragapp.documents.members import Unreadable, include_member
from ragapp.documents.readers import Extract
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.html.reader import compose_fragment

MOST_ATTACHMENTS = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A mail. heads: pairs like ("From", "Ann <ann@example.org>"); attachments: (name, bytes)."""

    subject: str
    heads: Sequence[tuple[str, str]]
    plain: str = ""
    html: str = ""
    attachments: Sequence[tuple[str, bytes]] = ()


def compose_message(message: Message, name: str) -> Extract:
    """Return the text of a mail; its page is read where it holds tables, which text loses."""
    composer = Composer()
    composer.heading(1, message.subject)
    composer.paragraph("\n".join(f"{key}: {value}" for key, value in message.heads if value))
    if message.html and ("<table" in message.html.lower() or not message.plain.strip()):
        compose_fragment(message.html, composer)
    else:
        for paragraph in _paragraphs(message.plain):
            composer.paragraph(paragraph)
    unread = Unreadable()
    for attached, data in _first(message.attachments):
        include_member(composer, data, name, attached, unread)
    return composer.extract(unread.notes())


def _first(attachments: Iterable[tuple[str, bytes]]) -> Iterable[tuple[str, bytes]]:
    return (pair for _, pair in zip(range(MOST_ATTACHMENTS), attachments, strict=False))


def _paragraphs(plain: str) -> list[str]:
    text = plain.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n\n")
