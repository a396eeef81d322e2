"""Document → chunks: cut at headings first, then between paragraphs, then between sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ragapp.text.sentences import sentence_spans
from ragapp.types import Block, BlockKind, Chunk, Document, Heading, Span

TINY = 1 / 6  # of the budget: less is too little context for a chunk, and cheap as an overlap
FULL_ENOUGH = 1 / 2  # of the budget: from here a paragraph break is a better cut than more text

PORTION = 2_000_000
"""Characters that are cut at a time; a book of a thousand pages is one portion."""

_SOFT_CUT = re.compile(r"[，、；,;:：]\s*|\s+")

CountTokens = Callable[[Sequence[str]], list[int]]
_Part = tuple[tuple[str, ...], int, int, str]
"""Path of titles, start, end, own title of what stands under one heading."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, or a part of one that is longer than the budget."""

    span: Span
    tokens: int
    begins_paragraph: bool


@dataclass(frozen=True, slots=True)
class _Section:
    """The text under one heading; ``bare`` when there is nothing under it."""

    path: tuple[str, ...]
    units: tuple[_Unit, ...]
    bare: bool = False


@dataclass(frozen=True, slots=True)
class _Draft:
    """A chunk to be."""

    path: tuple[str, ...]
    units: tuple[_Unit, ...]
    bare: bool = False

    @property
    def tokens(self) -> int:
        return sum(unit.tokens for unit in self.units)


def split_document(
    document: Document, count_tokens: CountTokens, chunk_tokens: int
) -> Iterator[Chunk]:
    """Cut ``document`` into chunks of at most ``chunk_tokens`` tokens, counted by sentence.

    Long documents are cut portion by portion, so that memory holds the chunks of one.
    ``count_tokens`` gets all sentences of a portion in one call, and again only for those over the
    budget.
    """
    if chunk_tokens < 1:
        raise ValueError("chunk_tokens must be at least 1")
    blocks = sorted(document.blocks, key=lambda block: block.start)
    pages = [page for page in document.pages if page.end > page.start]
    page_starts = [page.start for page in pages]
    for outline in _portions(_outline(document.headings, len(document.text)), document.text):
        sections = _sections(document.text, outline, blocks, count_tokens, chunk_tokens)
        drafts = [
            _Draft(section.path, units, section.bare)
            for section in sections
            for units in _pack(section.units, chunk_tokens)
        ]
        for draft in _merge_tiny(drafts, chunk_tokens):
            start, end = draft.units[0].span.start, draft.units[-1].span.end
            page = pages[max(0, bisect_right(page_starts, start) - 1)].number if pages else None
            sentences = tuple(unit.span for unit in draft.units)
            yield Chunk(document.text[start:end], start, end, page, draft.path, sentences)


def _portions(outline: Iterable[_Part], text: str) -> Iterator[list[_Part]]:
    """Gather parts of the outline up to ``PORTION`` characters; cut longer ones at a line's end."""
    gathered: list[_Part] = []
    begin = 0
    for path, start, end, title in outline:
        while end - begin > PORTION:
            if gathered and start > begin:  # what came before it goes first
                yield gathered
                gathered, begin = [], start
                continue
            cut = _line_end(text, start, start + PORTION)
            yield [*gathered, (path, start, cut, title)]
            gathered, begin, start = [], cut, cut
        gathered.append((path, start, end, title))
    if gathered:
        yield gathered


def _line_end(text: str, start: int, end: int) -> int:
    """Return where to cut a text before ``end``: behind a paragraph, else behind a line."""
    for mark in ("\n\n", "\n"):
        found = text.rfind(mark, start + PORTION // 2, end)
        if found >= 0:
            return found + len(mark)
    return end


def _sections(
    text: str,
    outline: Sequence[_Part],
    blocks: Sequence[Block],
    count_tokens: CountTokens,
    chunk_tokens: int,
) -> list[_Section]:
    spans = [_unit_spans(text, start, end, blocks) for _, start, end, _ in outline]
    flat = [span for section_spans in spans for span in section_spans]
    counts = count_tokens([text[span.start : span.end] for span in flat]) if flat else []
    sized = _cut_oversized(text, list(zip(flat, counts, strict=True)), count_tokens, chunk_tokens)
    sections: list[_Section] = []
    position = 0
    for path, _, end, title in outline:
        units: list[_Unit] = []
        while position < len(sized) and sized[position][0].start < end:
            span, tokens = sized[position]
            begins = not units or _begins(text, units[-1].span, span, blocks)
            units.append(_Unit(span, tokens, begins))
            position += 1
        if units:
            body = text[units[0].span.start : units[-1].span.end]
            sections.append(_Section(path, tuple(units), bare=_letters(body) == _letters(title)))
    return sections


def _unit_spans(text: str, start: int, end: int, blocks: Sequence[Block]) -> list[Span]:
    """Return the sentences of a part of the text; within a block of lines, the lines."""
    spans: list[Span] = []
    for block in blocks[bisect_right(blocks, start, key=lambda one: one.end) :]:
        if block.start >= end:
            break
        first, last = max(start, block.start), min(end, block.end)
        spans += sentence_spans(text, start, first)
        spans += _lines(text, first, last)
        start = last
    return spans + sentence_spans(text, start, end)


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    for line in text[start:end].split("\n"):
        inner = line.strip()
        if inner:
            begin = start + line.index(inner)
            yield Span(begin, begin + len(inner))
        start += len(line) + 1


def _begins(text: str, last: Span, span: Span, blocks: Sequence[Block]) -> bool:
    """Say whether a chunk may well be cut before ``span``: code only at a blank line."""
    index = bisect_right(blocks, span.start, key=lambda one: one.start) - 1
    block = blocks[index] if index >= 0 else None
    in_code = block is not None and block.kind is BlockKind.CODE
    if block is not None and in_code and block.start <= last.start and span.end <= block.end:
        return "\n\n" in text[last.end : span.start]
    return "\n" in text[last.end : span.start]


def _outline(headings: Sequence[Heading], length: int) -> Iterator[_Part]:
    """Yield the parts of a text, one for each heading."""
    ordered = sorted(headings, key=lambda heading: heading.start)
    yield (), 0, ordered[0].start if ordered else length, ""
    above: list[Heading] = []
    ends = [*(heading.start for heading in ordered[1:]), length]
    for heading, end in zip(ordered, ends, strict=False):
        above = [*(one for one in above if one.level < heading.level), heading]
        yield tuple(one.title for one in above), heading.start, end, heading.title


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _cut_oversized(
    text: str, sized: list[tuple[Span, int]], count_tokens: CountTokens, budget: int
) -> list[tuple[Span, int]]:
    """Halve what is over the budget, at a comma, else a space, else anywhere, until all fits."""
    while any(tokens > budget and span.end - span.start > 1 for span, tokens in sized):
        halves: list[Span] = []
        for span, tokens in sized:
            if tokens > budget and span.end - span.start > 1:
                halves.extend(_halves(text, span))
        counts = iter(
            zip(halves, count_tokens([text[s.start : s.end] for s in halves]), strict=True)
        )
        sized = [
            piece
            for span, tokens in sized
            for piece in (
                (next(counts), next(counts))
                if tokens > budget and span.end - span.start > 1
                else ((span, tokens),)
            )
        ]
    return sized


def _halves(text: str, span: Span) -> tuple[Span, Span]:
    middle = (span.start + span.end) // 2
    quarter = (span.end - span.start) // 4
    cuts = [
        match.end()
        for match in _SOFT_CUT.finditer(text, middle - quarter, middle + quarter)
        if span.start < match.end() < span.end
    ]
    cut = min(cuts, key=lambda position: abs(position - middle), default=middle)
    left = text[span.start : cut].rstrip()
    right = text[cut : span.end].lstrip()
    return Span(span.start, span.start + len(left)), Span(span.end - len(right), span.end)


def _pack(units: Sequence[_Unit], budget: int) -> Iterator[tuple[_Unit, ...]]:
    """Fill chunks with the units of one section, cutting between paragraphs where that is good."""
    remaining = sum(unit.tokens for unit in units)
    position = 0
    overlap: tuple[_Unit, ...] = ()
    while position < len(units):
        carried = sum(unit.tokens for unit in overlap)
        limit = budget - carried
        if limit < remaining <= limit + TINY * budget:
            limit = max(1, round(0.6 * remaining))  # share rather than leave a tiny last chunk
        end = _fill(units, position, limit)
        yield (*overlap, *units[position:end])
        remaining -= sum(unit.tokens for unit in units[position:end])
        last = units[end - 1]
        mid_paragraph = end < len(units) and not units[end].begins_paragraph
        fits = end < len(units) and last.tokens + units[end].tokens <= budget
        overlap = (last,) if mid_paragraph and fits and last.tokens <= TINY * budget else ()
        position = end


def _fill(units: Sequence[_Unit], begin: int, limit: int) -> int:
    """Return where the chunk that begins at ``begin`` should end, at least one unit later."""
    tokens = 0
    paragraph_end = begin
    for index in range(begin, len(units)):
        if index > begin and units[index].begins_paragraph and tokens >= FULL_ENOUGH * limit:
            paragraph_end = index
        if index > begin and tokens + units[index].tokens > limit:
            return paragraph_end if paragraph_end > begin else index
        tokens += units[index].tokens
    return len(units)


def _merge_tiny(drafts: Sequence[_Draft], budget: int) -> list[_Draft]:
    """Put drafts of less than ``TINY`` together with a neighbour under the same parent heading."""
    merged: list[_Draft] = []
    for draft in drafts:
        if merged and _mergeable(merged[-1], draft, budget):
            merged[-1] = _merge(merged[-1], draft)
        else:
            merged.append(draft)
    return merged


def _mergeable(left: _Draft, right: _Draft, budget: int) -> bool:
    if left.tokens + right.tokens > budget:
        return False
    if left.bare and right.path[: len(left.path)] == left.path:
        return True
    if min(left.tokens, right.tokens) >= TINY * budget:
        return False
    parent = left.path[:-1]
    return parent == right.path[:-1] or left.path == right.path[:-1] or left.path == right.path


def _merge(left: _Draft, right: _Draft) -> _Draft:
    units = (*left.units, *(unit for unit in right.units if unit not in left.units))
    if left.bare and right.path[: len(left.path)] == left.path:
        return _Draft(right.path, units, right.bare)
    common = 0
    for one, other in zip(left.path, right.path, strict=False):
        if one != other:
            break
        common += 1
    return _Draft(left.path[:common], units)
