"""A record a page: payslips, tickets, badges. All that stands on one is found and quoted together.

Pages of one form say the same labels at the same places; a question names one value of a page and
wants another, and a line by itself does not say whose it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ragapp.documents.readers.pdf.lines import Line

FEWEST_PAGES = 3
MOST_LINES = 16
LONGEST = 500
"""Characters of a page; what says more is text."""
ALIKE = 0.6
"""Share of a page's lines whose labels stand on most pages."""
MOST_PAGES = 0.8
"""Share of the pages that are of the one form."""

_DIGITS = re.compile(r"\d+")
_LABEL = re.compile(r"[^:：]{1,40}[:：]")


def as_records(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Return the pages, each of one row if they are records of one form, else as they are."""
    kept = [list(page) for page in pages]
    filled = [page for page in kept if page]
    if len(filled) < FEWEST_PAGES or not all(map(_is_small, filled)):
        return kept
    labels = Counter(label for page in filled for label in {_label(line) for line in page})
    common = {label for label, count in labels.items() if count >= MOST_PAGES * len(filled)}
    alike = sum(
        sum(_label(line) in common for line in page) >= ALIKE * len(page) for page in filled
    )
    if alike < MOST_PAGES * len(filled):
        return kept
    return [[_row(page)] if len(page) > 1 else page for page in kept]


def _is_small(page: Sequence[Line]) -> bool:
    return len(page) <= MOST_LINES and sum(len(line.text) for line in page) <= LONGEST


def _label(line: Line) -> str:
    """Return what stays of a line from record to record: its label, or all but numbers."""
    labelled = _LABEL.match(line.text)
    return labelled[0] if labelled else _DIGITS.sub("0", line.text)


def _row(page: Sequence[Line]) -> Line:
    cells = tuple(cell for line in page for cell in (line.cells or (line.text,)) if cell)
    first = page[0]
    columns = tuple(float(place) for place in range(len(cells)))
    return Line(" ".join(cells), first.x, first.y, first.size, first.right, False, cells, columns)
