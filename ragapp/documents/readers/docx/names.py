"""The names of Word's XML, in their long form."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SKIPPED = frozenset({W + "del", W + "moveFrom", FALLBACK})
"""What stands beside the text: deleted in review, or shown twice for old programs."""


def is_skipped(element: Element) -> bool:
    """Say whether an element is no part of the text, rows and cells deleted in review included."""
    return (
        element.tag in SKIPPED
        or element.find(f"{W}trPr/{W}del") is not None
        or element.find(f"{W}tcPr/{W}cellDel") is not None
    )
