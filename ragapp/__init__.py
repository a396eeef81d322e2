"""ragapp: ask your own documents and see the sentence behind every claim.

file ─ documents/ ─▶ pages ─▶ chunks ─ embedding/ ─▶ vectors ─ index/ ─▶ knowledge base (ingest.py)
question ─ retrieval/ ─▶ evidence ─ synthesis/ ─▶ prompt ─▶ streamed answer ─ web/      (ask.py)

In Python: ``base = ragapp.open()``, then ``base.ingest``, ``base.search`` and ``base.ask``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragapp.ingest import IngestedFile
    from ragapp.library import Library, OpenKnowledgeBase
    from ragapp.types import AnswerEvent, Hit, Turn

__version__ = "0.1.0"
__all__ = ["KnowledgeBase", "open"]


def open(kb: str = "default", home: str | Path | None = None) -> KnowledgeBase:  # noqa: A001
    """Open a knowledge base, making it when there is none of that name.

    home: the folder of knowledge bases and ``ragapp.toml``; None: ``RAGAPP_HOME``, or
    ``~/.ragapp``. Libraries that this loads are told to call nobody (``ragapp.offline``), which
    also holds for the caller's other uses of them.

    Raises:
        SettingsError, UsageError: a setting or the name cannot be used.
        ModelMissing: the embedding model is not on this machine (``ragapp models pull``).
    """
    from ragapp.library import Library
    from ragapp.offline import keep_local
    from ragapp.settings import load_settings

    keep_local()
    return KnowledgeBase(Library(load_settings({"home": None if home is None else str(home)})), kb)


class KnowledgeBase:
    """An open knowledge base. Safe to share between threads."""

    def __init__(self, library: Library, name: str) -> None:
        from ragapp.people import LOCAL

        self.name = name
        self._library = library
        library.open_or_create(name, LOCAL)

    def ingest(self, paths: str | Path | Sequence[str | Path]) -> list[IngestedFile]:
        """Bring files and folders in; each file's fate says what became of it.

        Raises:
            KnowledgeBaseBusy: somebody else goes on writing.
            KnowledgeBaseMissing: it has been deleted; so for search and ask.
        """
        from ragapp.ingest import ingest

        several = [paths] if isinstance(paths, str | Path) else paths
        return ingest([Path(path) for path in several], self._within())

    def search(self, query: str, k: int = 10) -> list[Hit]:
        """Return the k best passages, best first, each with its sentences scored.

        Raises:
            EmptyQuestion, QuestionTooLong: the query cannot be searched for.
        """
        from ragapp.ask import find

        return find(query, self._within(), k)

    def ask(
        self, question: str, history: Sequence[Turn | tuple[str, str]] = (), mode: str = "auto"
    ) -> Iterator[AnswerEvent]:
        """Answer as a stream of events: the evidence first, ``AnswerDone`` last.

        history: earlier turns, or pairs of question and answer, oldest first.
        mode: auto, generate, or quotes (no language model).

        Raises:
            RagappError: as ``ragapp.ask.ask``.
        """
        from ragapp.ask import AnswerMode, Asked, ask
        from ragapp.types import Turn

        turns = [turn if isinstance(turn, Turn) else Turn(*turn) for turn in history]
        asked = Asked(question, self.name, turns, AnswerMode.named(mode))
        return ask(asked, self._library, self._library.models)

    def _within(self) -> OpenKnowledgeBase:
        """Open it again, from memory as long as it is the same one."""
        from ragapp.people import LOCAL

        return self._library.open(self.name, LOCAL)
