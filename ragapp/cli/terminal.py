"""How progress, hits and answers look in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ragapp.batch.run import reply
from ragapp.errors import EngineError, PromptError
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import ChatEngine, Done, Message, Text, Thought
from ragapp.synthesis.phrases import phrases_for
from ragapp.text.encodable import as_text
from ragapp.types import (
    AnswerDone,
    AnswerEvent,
    AnswerText,
    AnswerThinking,
    Citation,
    Evidence,
    Hit,
    Notice,
    Progress,
    Stage,
)
from ragapp.words.answers import Phrases

CLOSEST_SHOWN = 3


class IngestBar:
    """One bar on stderr for the file in work; nothing when stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> IngestBar:
        """Open the bar."""
        from tqdm import tqdm

        self._bar = tqdm(unit="chunk", leave=False, file=sys.stderr, disable=None)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar."""
        self._bar.close()

    def show(self, progress: Progress) -> None:
        """Take a progress event."""
        if progress.stage is Stage.RUNNING:
            self._bar.set_postfix_str(_running(progress))
            return
        if progress.stage is Stage.EMBEDDING:
            self._bar.total = progress.total
            self._bar.n = progress.done
        self._bar.set_description(f"{progress.stage} {Path(progress.item).name}", refresh=True)


def _running(run: Progress) -> str:
    """Say how a run stands, in a few words."""
    said = f"{run.done} of {run.total} files, {run.per_s or 0:.0f} passages/s"
    return said if run.left_s is None else f"{said}, {_duration(run.left_s)} left"


def _duration(seconds: float) -> str:
    """Say a time as people do: no digit more than is known."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class DownloadBar:
    """One bar on stderr for each file that is fetched."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._item = ""

    def __enter__(self) -> DownloadBar:
        """Start without a bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        """Take a progress event; totals are bytes while downloading."""
        from tqdm import tqdm

        label = f"{progress.stage} {progress.item}"
        if label != self._item:
            if self._bar is not None:
                self._bar.close()
            self._item = label
            self._bar = tqdm(
                desc=label, unit="B", unit_scale=True, file=sys.stderr, disable=None, leave=False
            )
        self._bar.total = progress.total
        self._bar.n = progress.done
        self._bar.refresh()


def print_answer(events: Iterator[AnswerEvent], question: str, *, quiet: bool) -> AnswerDone:
    """Stream an answer to stdout with its sources after it; notices and thinking go to stderr.

    Notices are in the language of the question; quiet: print nothing but them (the caller prints
    JSON).
    """
    done: AnswerDone | None = None
    phrases = phrases_for(question)
    for event in events:
        if isinstance(event, AnswerDone):
            done = event
        elif not (quiet and isinstance(event, AnswerText)):
            _print_event(event, phrases)
    if done is None:
        raise RuntimeError("an answer always ends with AnswerDone")
    if not quiet:
        print()
        for citation in done.citations:
            print(f"  {_citation_line(citation)}")
        if done.refused and done.evidence:
            print_closest(done.evidence)
    return done


def _print_event(event: AnswerEvent, phrases: Phrases) -> None:
    if isinstance(event, Notice):
        print(f"\n! {phrases.notice(event)}", file=sys.stderr)
    elif isinstance(event, AnswerThinking):
        print(event.text, end="", file=sys.stderr, flush=True)
    elif isinstance(event, AnswerText):
        print(event.text, end="", flush=True)


def print_closest(evidence: Sequence[Evidence]) -> None:
    """Print what was found all the same, when the model saw no answer in it."""
    print("  closest:")
    for item in evidence[:CLOSEST_SHOWN]:
        best = max(item.sentences, key=lambda sentence: sentence.score)
        text = " ".join(best.text.split())
        print(f"  [{item.number}] {_place(item.document, best.page)}: {text}")


def print_hits(hits: Sequence[Hit]) -> None:
    """Print hits, best first, each with its best sentence."""
    if not hits:
        print("nothing found")
    for place, hit in enumerate(hits, start=1):
        print(f"{place}. {_place(hit.document, hit.page)}  {' > '.join(hit.heading)}")
        best = max(hit.sentences, key=lambda s: s.score, default=None)
        if best is not None:
            print(f"   {' '.join(best.text.split())}")


def _citation_line(citation: Citation) -> str:
    sentence = " ".join(citation.sentence.split())
    return f"[{citation.number}] {_place(citation.document, citation.page)}: {sentence}"


def _place(document: str, page: int | None) -> str:
    return document if page is None else f"{document}, p. {page}"


def converse(engine: ChatEngine, decoding: Decoding, system: str = "") -> None:
    """Chat line by line until the input ends; thinking goes to stderr. Ctrl-C ends an answer."""
    messages = [Message("system", system)] if system else []
    while (question := _ask()) is not None:
        if question.strip():
            asked = [*messages, Message("user", question)]
            if text := _print_reply(reply(asked, engine, decoding)):
                messages = [*asked, Message("assistant", text)]


def _ask() -> str | None:
    """Return the next line, None at the end; undecodable bytes of a terminal are replaced."""
    try:
        line = input("> " if sys.stdin.isatty() else "")
    except (EOFError, KeyboardInterrupt):
        return None
    return as_text(line)


def _print_reply(events: Iterator[Thought | Text | Done]) -> str:
    """Print an answer as it comes; return it, or what came of it before it failed."""
    text = ""
    try:
        for event in events:
            if isinstance(event, Thought):
                print(event.text, end="", flush=True, file=sys.stderr)
            elif isinstance(event, Text):
                print(event.text, end="", flush=True)
                text += event.text
    except KeyboardInterrupt:
        pass
    except (PromptError, EngineError) as error:
        print(f"\nragapp: {error}", file=sys.stderr)
    print(flush=True)
    return text
