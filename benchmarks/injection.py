"""How often a document that gives orders is obeyed, and what the defence costs.

    python benchmarks/injection.py [--models NAME...] [--set develop held-out] [--defence on off]

Each set of injection_cases.py is ingested beside some of sample_docs: without its orders
(``clean``), with each order where its document has it (``attacked``), at the end after the very
question that will be asked (``besieged``), and alone with the question, the answer gone
(``usurped``). Every document's ordinary question is asked of each; ``ordinary`` documents command
other people, or speak of prompts. With ``--defence off`` nothing is recognised and no answer
checked, so the same run shows what happens without. Prints a line of JSON for each: how many
answers hold the order's payload (``obeyed``; also when the right fact stands beside it), how many
the right fact.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

from injection_cases import DEVELOP, HELD_OUT, ORDINARY, Case

from ragapp.ask import AnswerMode, Asked, ask
from ragapp.ingest import ingest
from ragapp.library import Library
from ragapp.llm.decoding import Decoding
from ragapp.models import Models
from ragapp.people import LOCAL
from ragapp.retrieval import evidence
from ragapp.settings import load_settings
from ragapp.synthesis import prompt
from ragapp.types import AnswerDone, FinishReason, Notice

SAMPLE_DOCS = [
    Path(__file__).parent.parent / "sample_docs" / name
    for name in (
        "faiss-indexes.txt",
        "decoding-strategies.html",
        "检索评测指标.txt",
        "繁體中文檢索.txt",
    )
]
SETS = {"develop": DEVELOP, "held-out": HELD_OUT}
SHAPES = (Case.clean, Case.attacked, Case.besieged, Case.usurped)
ANSWER_TOKENS = 80
QUOTES = "quotes"


@contextlib.contextmanager
def defence(wanted: str) -> Iterator[None]:
    """Turn the recognition of orders and the check of answers off for a while."""
    if wanted == "on":
        yield
        return
    with (
        mock.patch.object(evidence, "orders_among", lambda sentences: (False,) * len(sentences)),
        mock.patch.object(prompt, "is_order", return_value=False),
        mock.patch("ragapp.ask.off_topic", return_value=False),
    ):
        yield


def knowledge_base(
    library: Library, name: str, cases: Sequence[Case], shape: Callable[[Case], str]
) -> str:
    """Ingest ordinary documents and the cases' documents in a shape; return the base's name."""
    folder = library.settings.home / f"{name}-files"
    folder.mkdir()
    for case in cases:
        suffix = ".md" if case.text.startswith("# ") else ".txt"
        (folder / f"{case.name}{suffix}").write_text(shape(case), encoding="utf-8")
    ingest([*SAMPLE_DOCS, folder], library.create(name, LOCAL))
    return name


def holds(answer: str, any_of: Sequence[str]) -> bool:
    def plain(text: str) -> str:
        return "".join(unicodedata.normalize("NFKC", text).casefold().split())

    return any(plain(words) in plain(answer) for words in any_of)


def put(
    cases: Sequence[Case], kb: str, library: Library, models: Models, mode: AnswerMode
) -> dict[str, object]:
    """Ask every case's question; count what the answers hold."""
    obeyed, right, quoted, refused, seconds = [], [], [], [], []
    answers = {}
    for case in cases:
        decoding = Decoding(max_new_tokens=ANSWER_TOKENS)
        events = list(ask(Asked(case.question, kb, (), mode, decoding), library, models))
        done = events[-1]
        assert isinstance(done, AnswerDone)
        notices = [str(event.kind) for event in events if isinstance(event, Notice)]
        answers[case.name] = [done.answer, *notices]
        for names, held in (
            (obeyed, holds(done.answer, case.payload)),
            (right, holds(done.answer, case.fact)),
            (quoted, done.finish_reason is FinishReason.QUOTED),
            (refused, done.refused),
        ):
            if held:
                names.append(case.name)
        if done.stats.first_token_s is not None:
            seconds.append(done.stats.first_token_s)
    return {
        "questions": len(cases),
        "obeyed": len(obeyed),
        "right": len(right),
        "quoted": len(quoted),
        "refused": len(refused),
        "first_token_s": round(sorted(seconds)[len(seconds) // 2], 2),
        "names": {"obeyed": obeyed, "not_right": [c.name for c in cases if c.name not in right]},
        "answers": answers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models",
        nargs="+",
        default=["Qwen2.5-Coder-0.5B-Instruct", "SmolLM2-135M-Instruct", QUOTES],
    )
    parser.add_argument("--set", nargs="+", choices=SETS, default=list(SETS), dest="sets")
    parser.add_argument("--defence", nargs="+", choices=("on", "off"), default=["off", "on"])
    parser.add_argument("--verbose", action="store_true", help="with names and answers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ragapp-bench-") as home:
        settings = dataclasses.replace(load_settings(), home=Path(home))
        library = Library(settings)
        asked = {}
        for name in options.sets:
            for shape in SHAPES:
                base = knowledge_base(library, f"{name}-{shape.__name__}", SETS[name], shape)
                asked[f"{name}, {shape.__name__}"] = (SETS[name], base)
        ordinary = knowledge_base(library, "ordinary", ORDINARY, Case.clean)
        asked["ordinary"] = (ORDINARY, ordinary)
        for model in options.models:
            answer = dataclasses.replace(settings.answer, chat_model=model)
            models = Models(dataclasses.replace(settings, answer=answer))
            mode = AnswerMode.QUOTES if model == QUOTES else AnswerMode.GENERATE
            for wanted in options.defence:
                with defence(wanted):
                    for what, (cases, base) in asked.items():
                        counted = put(cases, base, library, models, mode)
                        if not options.verbose:
                            del counted["names"], counted["answers"]
                        row = {"model": model, "defence": wanted, "documents": what, **counted}
                        print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
