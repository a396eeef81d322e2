"""Pieces of lines → lines in reading order: columns one after the other, tables row by row.

Where the same strip of a page stays empty over several lines, it parts columns of text or of a
table. Which of the two they are, their lines tell: those of text fill their column.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ragapp.documents.readers.pdf.lines import Line, put_together, rows_of

GUTTER = 0.55
"""Times the size: the least width of a strip between two columns."""
FAR_BELOW = 3.6
"""Times the size: what lies further below the last line belongs to something else."""
HEADER_GAP = 5.0
"""Times the size: parts of a header are further from one another."""
DEEPEST = 3
"""Columns within columns within columns."""
FULL_LINE = 0.7
"""Of the width of its column: a line of text that was wrapped."""
LETTERS_OF_TEXT = 18
"""In the usual line of a column of text; an ideograph counts as two letters."""
TIGHT = 1.45
"""Times the size: the distance of two lines of one cell is no greater."""

_LIST_MARK = re.compile(r"[-*•·●○■□◆‣▪–]|[(（]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)）、．]")
_WIDE = re.compile("[\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60]")

Row = list[Line]


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines drawn on a page: heights of level ones, and places of upright ones, in points.

    level: (y, left, right); upright: (x, bottom, top).
    """

    level: tuple[tuple[float, float, float], ...] = ()
    upright: tuple[tuple[float, float, float], ...] = ()


def reading_order(pieces: Sequence[Line], grid: Grid | None = None, depth: int = 0) -> list[Line]:
    """Return the lines of a page, or of a column of it, in the order in which they are read."""
    rows = rows_of(pieces)
    if not rows:
        return []
    width = max(p.right for row in rows for p in row) - min(p.x for row in rows for p in row)
    found: list[Line] = []
    first = 0
    while first < len(rows):
        last, gutters = _band(rows, first, width)
        if gutters and len(rows[first]) == 1:  # a title does not belong to the table under it
            _, below = _band(rows, first + 1, width)
            gutters = gutters if len(gutters) >= len(below) else []
        if not gutters:
            at_edge = depth == 0 and first in (0, 1, len(rows) - 2, len(rows) - 1)
            found += _apart(rows[first]) if at_edge else [put_together(rows[first])]
            first += 1
            continue
        found += _read_band(rows[first : last + 1], gutters, grid or Grid(), depth)
        first = last + 1
    return found


def _apart(row: Row) -> list[Line]:
    """Return a line, or several where it is one of a header: a title here, a page number there."""
    groups = [[row[0]]]
    for last, piece in pairwise(row):
        if piece.x - last.right > HEADER_GAP * piece.size:
            groups.append([])
        groups[-1].append(piece)
    return [put_together(group) for group in groups]


def _band(rows: Sequence[Row], first: int, width: float) -> tuple[int, list[float]]:
    """Return the last of the rows that share empty strips with ``first``, and their middles.

    The band ends before a row that lies across one of them.
    """
    begin = rows[first]
    if len(begin) == 1 and begin[0].right - begin[0].x > 0.55 * width:
        return first, []
    free = _gaps(begin)
    best: tuple[int, list[float]] = (first, [])
    for index in range(first + 1, len(rows)):
        row = rows[index]
        size = max(piece.size for piece in row)
        if rows[index - 1][0].y - row[0].y > FAR_BELOW * size:
            break
        free = _both(free, _gaps(row), GUTTER * size)
        band = rows[first : index + 1]
        inner = [gap for gap in free if _is_between(gap, band)]
        if len(inner) < len(best[1]) or (not inner and index - first >= 2):
            break
        if inner:
            best = (index, [(gap[0] + gap[1]) / 2 for gap in inner])
    return best


def _gaps(row: Row) -> list[tuple[float, float]]:
    ordered = sorted(row, key=lambda piece: piece.x)
    ends = [float("-inf"), *(piece.right for piece in ordered)]
    begins = [*(piece.x for piece in ordered), float("inf")]
    return [(end, begin) for end, begin in zip(ends, begins, strict=True) if begin > end]


def _both(
    one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]], least: float
) -> list[tuple[float, float]]:
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return [gap for gap in pairs if gap[1] - gap[0] >= least]


def _is_between(gap: tuple[float, float], rows: Sequence[Row]) -> bool:
    pieces = [piece for row in rows for piece in row]
    return any(p.right <= gap[0] for p in pieces) and any(p.x >= gap[1] for p in pieces)


def _read_band(rows: Sequence[Row], gutters: Sequence[float], grid: Grid, depth: int) -> list[Line]:
    """Read rows that gutters part: as columns of text, or as the rows of a table."""
    columns: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows:
        for piece in row:
            columns[bisect_right(gutters, (piece.x + piece.right) / 2)].append(piece)
    texts = [column for column in columns if _is_text(column)]
    if len(texts) >= 2 and len(texts) * 2 >= len(columns) and not _ruled(rows, grid):
        if depth < DEEPEST:
            return [line for column in columns for line in reading_order(column, grid, depth + 1)]
        return [put_together(row) for row in rows]
    split = [_split(row, gutters) for row in rows]
    two = len(columns) == 2
    if _is_list(columns[0]) or (two and (len(rows) < 3 or _are_labels(columns[0]))):
        return [put_together(row) for row in rows]
    lead = next((i for i, cells in enumerate(split) if _filled(cells) > 1), len(split))
    tail = max((i for i, cells in enumerate(split) if _filled(cells) > 1), default=-1)
    before = [put_together(row) for row in rows[:lead]]
    after = [put_together(row) for row in rows[tail + 1 :]]
    body = _whole_rows(rows[lead : tail + 1], split[lead : tail + 1], grid)
    lefts = tuple(min(piece.x for piece in column) for column in columns)
    return [*before, *(_table_row(cells, lefts) for cells in body), *after]


def _is_text(column: Sequence[Line]) -> bool:
    """Say whether a column is running text: lines that fill it, with many letters."""
    lines = [put_together(row) for row in rows_of(column)]
    if len(lines) < 3:
        return False
    width = max(line.right for line in lines) - min(line.x for line in lines)
    full = sum(1 for line in lines if line.right - line.x > FULL_LINE * width)
    letters = median(len(line.text) + len(_WIDE.findall(line.text)) for line in lines)
    return letters >= LETTERS_OF_TEXT and full >= 0.5 * len(lines)


def _ruled(rows: Sequence[Row], grid: Grid) -> bool:
    """Say whether the rows lie in a drawn grid: lines between them, and between their columns."""
    top, bottom = rows[0][0].y + rows[0][0].size, rows[-1][0].y - rows[-1][0].size
    left = min(piece.x for row in rows for piece in row)
    right = max(piece.right for row in rows for piece in row)
    upright = {
        round(x)
        for x, low, high in grid.upright
        if left < x < right and min(high, top) - max(low, bottom) > 0.5 * (top - bottom)
    }
    return bool(upright) and len(_levels(rows, grid)) >= 2


def _levels(rows: Sequence[Row], grid: Grid) -> list[float]:
    """Return the heights of the lines drawn between the rows."""
    top, bottom = rows[0][0].y + 1.5 * rows[0][0].size, rows[-1][0].y - rows[-1][0].size
    left = min(piece.x for row in rows for piece in row)
    right = max(piece.right for row in rows for piece in row)
    reach: dict[int, float] = {}
    for y, begin, end in grid.level:
        if bottom < y < top:
            covered = max(0.0, min(end, right) - max(begin, left))
            reach[round(y)] = reach.get(round(y), 0.0) + covered
    return sorted(
        (float(y) for y, sum_ in reach.items() if sum_ > 0.6 * (right - left)), reverse=True
    )


def _split(row: Row, gutters: Sequence[float]) -> list[list[Line]]:
    cells: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    for piece in row:
        cells[bisect_right(gutters, (piece.x + piece.right) / 2)].append(piece)
    return cells


def _filled(cells: Sequence[Sequence[Line]]) -> int:
    return sum(1 for cell in cells if cell)


def _whole_rows(
    rows: Sequence[Row], split: Sequence[list[list[Line]]], grid: Grid
) -> list[list[list[Line]]]:
    """Put the lines of cells that were wrapped together: rows as they are meant."""
    if len(rows) < 2:
        return list(split)
    levels = _levels(rows, grid) if _ruled(rows, grid) else []
    distances = [above[0].y - below[0].y for above, below in pairwise(rows)]
    usual = median(distances)
    whole: list[list[list[Line]]] = []
    for index, cells in enumerate(split):
        if index and _continues(rows, split, index, levels, usual):
            for mine, more in zip(whole[-1], cells, strict=True):
                mine.extend(more)
        else:
            whole.append([list(cell) for cell in cells])
    return whole


def _continues(
    rows: Sequence[Row],
    split: Sequence[list[list[Line]]],
    index: int,
    levels: Sequence[float],
    usual: float,
) -> bool:
    above, row = rows[index - 1][0], rows[index][0]
    distance = above.y - row.y
    if levels:
        return not any(row.y < level < above.y for level in levels)
    cells = split[index]
    tight = distance <= TIGHT * row.size and distance < 1.05 * usual
    beneath = all(split[index - 1][place] or not cell for place, cell in enumerate(cells))
    return tight and not cells[0] and _filled(cells) * 2 <= len(cells) and beneath


def _is_list(column: Sequence[Line]) -> bool:
    marks = sum(1 for piece in column if _LIST_MARK.fullmatch(piece.text))
    return marks * 2 > len(column)


def _are_labels(column: Sequence[Line]) -> bool:
    """Say whether a column says what stands beside it: "Name:", "Date:"."""
    labels = sum(1 for piece in column if piece.text.endswith((":", "：")))
    return labels * 2 > len(column)


def _table_row(cells: Sequence[Sequence[Line]], lefts: tuple[float, ...]) -> Line:
    pieces = [piece for cell in cells for piece in cell]
    texts = tuple(_cell(cell) for cell in cells)
    first = pieces[0]
    return Line(
        " | ".join(filter(None, texts)),
        min(piece.x for piece in pieces),
        max(piece.y for piece in pieces),
        first.size,
        max(piece.right for piece in pieces),
        first.monospaced,
        texts,
        lefts,
    )


def _cell(pieces: Sequence[Line]) -> str:
    from ragapp.documents.readers.compose import join_lines

    return join_lines(put_together(row).text for row in rows_of(pieces))
