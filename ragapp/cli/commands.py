"""Commands, no logic: arguments in, values from the pipeline out, as text or as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragapp.cli.output import (
    DONE,
    DONE_IN_PART,
    code_of,
    note_sentences,
    open_library,
    print_ingested,
    print_json,
    say,
    stop_on_interrupt,
    to_plain,
)
from ragapp.errors import UsageError
from ragapp.llm.decoding import Decoding
from ragapp.people import LOCAL
from ragapp.settings import Settings

if TYPE_CHECKING:
    from ragapp.watch import WatchRound

GREEDY = "precise"
DECODING = "decoding_"
"""In front of the names of decoding options: a sampler's ``top_k`` is not a setting."""


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Open the web app."""
    from ragapp.web.app import serve
    from ragapp.web.server import end_soon

    serve(
        open_library(settings),
        open_browser=options.open,
        ready=lambda url: say(f"ragapp is at {url} (Ctrl-C stops it)"),
    )
    end_soon(DONE)
    return DONE


def ingest(options: argparse.Namespace, settings: Settings) -> int:
    """Index files and folders."""
    from ragapp.cli.terminal import IngestBar
    from ragapp.ingest import ingest
    from ragapp.watch import watch

    into = open_library(settings).open_or_create(settings.kb, LOCAL)
    stop = stop_on_interrupt()
    following: Iterator[WatchRound] = iter(())
    if options.watch:  # before the first reading: what changes meanwhile is a change
        following = watch(options.paths, into, stop, remove_missing=options.remove_missing)
    with IngestBar() as bar:
        results = ingest(options.paths, into, bar.show, stop.is_set)
    print_ingested(results, options.json)
    if options.watch and not stop.is_set():
        say("watching for changes (Ctrl-C stops it)")
        for changed in following:
            print_ingested(changed.results, options.json)
            for alarm in changed.alarms:
                say(f"ragapp: {alarm}")
    return code_of(results)


def ask(options: argparse.Namespace, settings: Settings) -> int:
    """Answer a question, with citations."""
    from ragapp.ask import AnswerMode, Asked, ask
    from ragapp.cli.terminal import print_answer

    library = open_library(settings)
    mode = "quotes" if options.quotes else "generate" if options.generate else ""
    asked = Asked(
        options.question,
        settings.kb,
        mode=AnswerMode.named(mode or settings.answer.answer_mode),
        decoding=_decoding(options, settings),
    )
    stop = stop_on_interrupt()
    events = ask(asked, library, library.models, stop.is_set)
    done = print_answer(events, asked.question, quiet=options.json)
    if options.json:
        print_json(
            {
                "answer": done.answer,
                "refused": done.refused,
                "finish_reason": done.finish_reason,
                "citations": [to_plain(citation) for citation in done.citations],
                "evidence": [to_plain(item) for item in done.evidence],
                "stats": to_plain(done.stats),
            }
        )
    if options.stats:
        say(json.dumps(to_plain(done.stats)))
    return DONE


def generate(options: argparse.Namespace, settings: Settings) -> int:
    """Answer a file of prompts, without retrieval."""
    from tqdm import tqdm

    from ragapp.batch.prompts import read_prompts
    from ragapp.batch.run import BATCH_SIZE, run_batch
    from ragapp.cli.terminal import converse
    from ragapp.models import Models

    decoding = _decoding(options, settings)
    if options.interactive:
        converse(Models(settings).engine(decoding), decoding, options.system_prompt)
        return DONE
    if options.data_file is None or options.predictions_file is None:
        raise UsageError("generate_without_files")
    prompts = read_prompts(options.data_file)
    continues = not options.with_prompt and any(not prompt.messages for prompt in prompts)
    if (
        settings.machine.engine == "auto"
        and not settings.machine.endpoint
        and (continues or options.dtype)
    ):
        settings = settings.having(engine="torch")  # it alone continues, in any dtype
    engine = Models(settings).engine(decoding)
    stop = stop_on_interrupt()
    with tqdm(unit="prompt", leave=False, file=sys.stderr, disable=None) as bar:

        def show(done: int, total: int) -> None:
            bar.total, bar.n = total, done
            bar.refresh()

        result = run_batch(
            prompts,
            engine,
            decoding,
            options.predictions_file,
            with_prompt=options.with_prompt,
            system=options.system_prompt,
            batch_size=BATCH_SIZE if options.batch_size is None else options.batch_size,
            progress=show,
            cancel=stop.is_set,
        )
    for failure in result.failed:
        say(f"ragapp: {failure}")
    if result.left:
        say(f"{result.left} of {len(prompts)} prompts are left; the same command goes on")
    if options.json:
        print_json({"predictions": str(options.predictions_file), **to_plain(result)})
    return DONE_IN_PART if result.failed or result.left else DONE


def search(options: argparse.Namespace, settings: Settings) -> int:
    """Find passages."""
    from ragapp.ask import find
    from ragapp.cli.terminal import print_hits

    if settings.retrieval.hits < 1:
        raise UsageError("hits_not_positive")
    within = open_library(settings).open(settings.kb, LOCAL)
    hits = find(options.query, within, settings.retrieval.hits)
    if options.json:
        print_json({"hits": [to_plain(hit) for hit in hits]})
    else:
        print_hits(hits)
    return DONE


def kb_list(options: argparse.Namespace, settings: Settings) -> int:
    """List knowledge bases, or the documents of one."""
    library = open_library(settings)
    if options.name:
        documents = library.documents(options.name, LOCAL)
        if options.json:
            plain = [{**to_plain(d), "notes": note_sentences(d.notes)} for d in documents]
            print_json({"documents": plain})
        for document in documents if not options.json else ():
            print(f"{document.name}  {document.chunks} chunks  {document.path}")
        return DONE
    listed = library.summaries(LOCAL)
    if options.json:
        print_json({"knowledge_bases": [to_plain(summary) for summary in listed]})
    elif not listed:
        say(f"there is no knowledge base in {settings.home}; `ragapp ingest PATH` makes one")
    for row in listed if not options.json else ():
        print(f"{row.name}  {row.documents} documents  {row.chunks} chunks  {row.folder}")
    return DONE


def kb_create(options: argparse.Namespace, settings: Settings) -> int:
    """Make an empty knowledge base."""
    created = open_library(settings).create(options.name, LOCAL)
    if options.json:
        print_json({"name": options.name, "folder": str(created.kb.folder)})
    else:
        print(f"created {options.name} in {created.kb.folder}")
    return DONE


def kb_delete(options: argparse.Namespace, settings: Settings) -> int:
    """Delete a knowledge base, or one document of it."""
    library = open_library(settings)
    if options.document:
        from ragapp.remove import remove

        removed = remove(options.document, library.open(options.name, LOCAL))
        if not removed:
            raise UsageError("document_not_in_base", document=options.document, kb=options.name)
        deleted = [document.path for document in removed]
    else:
        library.delete(options.name, LOCAL)
        deleted = [options.name]
    if options.json:
        print_json({"deleted": deleted})
    else:
        print("\n".join(f"deleted {name}" for name in deleted))
    return DONE


def models_list(options: argparse.Namespace, settings: Settings) -> int:
    """Say what is here and what can be had."""
    from ragapp.weights import pull, registry

    here = set(pull.installed(settings.models))
    rows = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "licence": entry.licence,
            "parameters": entry.parameters,
            "installed": entry.name in here,
            "description": entry.description,
        }
        for entry in registry.entries()
    ]
    known = {entry.name for entry in registry.entries()}
    rows += [{"name": name, "installed": True} for name in sorted(here - known)]
    if options.json:
        print_json({"models": rows, "folder": str(settings.models)})
        return DONE
    for row in rows:
        mark = "here" if row["installed"] else "-"
        print(f"{mark:<5}{row['name']:<32}{row.get('kind', ''):<10}{row.get('licence', ''):<14}"
              f"{row.get('description', '')}")  # fmt: skip
    return DONE


def models_pull(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch models."""
    from ragapp.cli.terminal import DownloadBar
    from ragapp.weights import pull, registry

    stop = stop_on_interrupt()
    names = options.names or [registry.DEFAULT_EMBEDDER]
    landed = {}
    with DownloadBar() as bar:
        for name in names:
            folder = pull.pull(
                name,
                settings.models,
                bar.show,
                stop.is_set,
                only=registry.SourceKind(options.source) if options.source else None,
            )
            landed[name] = str(folder)
        if not options.names:
            name, folder = pull.pull_default_chat_model(settings.models, bar.show, stop.is_set)
            landed[name] = str(folder)
    if options.json:
        print_json({"models": landed})
    else:
        print("\n".join(f"{name}  {folder}" for name, folder in landed.items()))
    return DONE


def models_doctor(options: argparse.Namespace, settings: Settings) -> int:
    """Check models, and which sources answer."""
    from ragapp.weights import pull

    checks = pull.doctor(settings.models)
    if options.json:
        print_json({"checks": [to_plain(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.detail}")
    return DONE if all(check.ok for check in checks) else DONE_IN_PART


def eval_retrieval(options: argparse.Namespace, settings: Settings) -> int:
    """Measure retrieval on a labelled file."""
    from ragapp.lab.retrieval import evaluate_retrieval

    figures = evaluate_retrieval(options.file, settings, options.stage, options.limit)
    print_json(figures)
    return DONE


# --- shared ---


def _decoding(options: argparse.Namespace, settings: Settings) -> Decoding:
    """Return the preset with the flags over it; a flag that shapes sampling turns sampling on."""
    preset = Decoding.preset(settings.answer.decoding)
    given = {
        field.name: getattr(options, DECODING + field.name)
        for field in dataclasses.fields(Decoding)
        if getattr(options, DECODING + field.name, None) is not None
    }
    shaping = {"temperature", "top_p", "min_p", "seed"}
    if "penalty_alpha" not in given:  # contrastive search has a top_k of its own
        shaping.add("top_k")
    if shaping & given.keys():
        given.setdefault("do_sample", True)
    if not given.get("do_sample", True):
        preset = Decoding.preset(GREEDY)
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    values = given | lists | {"max_new_tokens": settings.answer.max_new_tokens}
    return dataclasses.replace(preset, **values)
