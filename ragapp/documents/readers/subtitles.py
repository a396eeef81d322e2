"""Subtitles: what is said, in paragraphs that begin with their time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer, clean, join_lines
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import decode

PAUSE_S = 3.0
"""A longer one begins a paragraph."""
LONG = 400
"""Characters after which a paragraph ends with the sentence."""

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_CUE = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}.*")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
_TAG = re.compile(r"</?[a-zA-Z][^>\n]*>|<\d[^>\n]*>|\{\\[^}\n]*\}")
_ENDS = re.compile(r"[.!?。！？…][\"'”’」』)）]*$")


def read(data: bytes, name: str) -> Extract:
    """Return the text of SRT or WebVTT subtitles.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode(data, name)
    composer = Composer()
    for start, said in _paragraphs(clean(decoded.text)):
        composer.paragraph(f"[{_clock(start)}] {said}")
    return composer.extract(damage_notes(decoded.damaged))


def _paragraphs(text: str) -> Iterator[tuple[float, str]]:
    """Yield the second each paragraph begins at, and what is said in it."""
    begin, ended, parts = 0.0, 0.0, list[str]()
    for start, end, said in _cues(text):
        long = sum(map(len, parts)) > LONG and _ENDS.search(parts[-1])
        if parts and (start - ended > PAUSE_S or long):
            yield begin, join_lines(parts)
            parts = []
        begin = begin if parts else start
        ended = end
        if not parts or parts[-1] != said:  # rolling captions say a line again
            parts.append(said)
    if parts:
        yield begin, join_lines(parts)


def _cues(text: str) -> Iterator[tuple[float, float, str]]:
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        matched = _CUE.fullmatch(line)
        if matched:
            groups = matched.groups()
            times, lines = (_seconds(groups[:4]), _seconds(groups[4:])), []
        elif times is not None and line.strip():
            lines.append(_TAG.sub("", _VOICE.sub(r"\1: ", line)).strip())
        elif times is not None:
            said = join_lines(lines)
            if said:
                yield *times, said
            times = None


def _seconds(groups: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, parts = (int(one or 0) for one in groups)
    return hours * 3600 + minutes * 60 + seconds + parts / 1000


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}"


FORMAT = Format(
    name="subtitles",
    name_zh="字幕",
    suffixes=(".srt", ".vtt"),
    media_type="text/vtt",
    read=read,
)
