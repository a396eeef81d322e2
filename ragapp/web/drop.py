"""The place where files are dropped: our own, so that files come by our own route."""

from __future__ import annotations

from html import escape

from ragapp.documents.formats import accepted_kinds
from ragapp.documents.parse import LARGEST_FILE
from ragapp.text.language import Language
from ragapp.words.interface import Strings

# static/upload.js sends the files; what it hands over are their tokens.
DROPPED_EVENT = """
element.addEventListener('files-sent', (event) => trigger('dropped', event.detail));
"""


def drop_zone_html(strings: Strings) -> str:
    """Render the zone: a file input under words of ours, and the words for what may happen."""
    said = {
        "waiting": strings.queued,
        "sending": strings.sending,
        "too_large": strings.too_large.format(limit=LARGEST_FILE >> 20),
        "no_room": strings.no_room,
        "busy": strings.too_many_files,
        "broken": strings.not_sent,
    }
    kinds = accepted_kinds(Language(strings.html_lang))
    words = "".join(f' data-{name}="{escape(text)}"' for name, text in said.items())
    return (
        f'<label class="drop-zone" data-limit="{LARGEST_FILE}"{words}>'
        f'<input type="file" multiple aria-label="{escape(strings.upload)}">'
        f'<span class="icon" aria-hidden="true">↑</span>'
        f"<span>{escape(strings.drop)}</span>"
        f'<span class="formats">{escape(kinds)}</span></label>'
    )


def logout_html(strings: Strings) -> str:
    """Render the way out: a form, so that nothing but a click on it sends it."""
    return (
        '<form method="post" action="/logout">'
        f'<button type="submit">{escape(strings.logout)}</button></form>'
    )
