"""Commands that keep knowledge bases safe: check, export, import, back up."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ragapp import paths
from ragapp.cli.output import (
    DONE,
    DONE_IN_PART,
    FAILED,
    print_json,
    say,
    stop_on_interrupt,
    to_plain,
)
from ragapp.errors import KnowledgeBaseError
from ragapp.settings import Settings

if TYPE_CHECKING:
    from ragapp.index.archive import Exported


def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Read a knowledge base through and say what is harmed."""
    from ragapp.index.verify import verify

    found = verify(paths.knowledge_base(settings.home, options.name))
    if options.json:
        print_json(
            {
                "name": options.name,
                "whole": not found.harmed,
                "documents": found.documents,
                "passages": found.passages,
                "files": found.files,
                "harmed": [str(error) for error in found.harmed],
                "stale": list(found.stale),
            }
        )
    else:
        for error in found.harmed:
            print(f"BAD  {error}")
        for line in found.stale:
            print(f"old  {line}: the index is made anew by itself")
        if not found.harmed:
            print(f"ok   {options.name}: {found.documents} documents, {found.passages} passages,"
                  f" {found.files} files of the index")  # fmt: skip
    return FAILED if found.harmed else DONE_IN_PART if found.stale else DONE


def export(options: argparse.Namespace, settings: Settings) -> int:
    """Write a knowledge base to one file."""
    from ragapp.index.archive import export

    made = export(paths.knowledge_base(settings.home, options.name), options.file)
    _print_made(made, options.json)
    return DONE


def restore(options: argparse.Namespace, settings: Settings) -> int:
    """Make a knowledge base of an exported file."""
    from ragapp.index.archive import name_in, restore

    name = options.name or name_in(options.file)
    kb = restore(options.file, paths.knowledge_base(settings.home, name))
    if options.json:
        print_json({"name": name, "folder": str(kb.folder)})
    else:
        print(f"imported {name} into {kb.folder}")
    return DONE


def backup(options: argparse.Namespace, settings: Settings) -> int:
    """Back a knowledge base up, once or every so often until stopped."""
    from ragapp.index.backup import backup, interval

    kb = paths.knowledge_base(settings.home, options.name)
    every = interval(options.every) if options.every else None
    if every is None:
        _print_made(backup(kb, options.folder, options.keep), options.json)
        return DONE
    stop = stop_on_interrupt()
    while not stop.is_set():
        try:
            _print_made(backup(kb, options.folder, options.keep), options.json)
        except KnowledgeBaseError as error:  # a full disk may have room the next time
            say(f"ragapp: {error}")
        say(f"the next backup is made in {options.every} (Ctrl-C stops it)")
        stop.wait(every)
    return DONE


def _print_made(made: Exported, as_json: bool) -> None:
    at = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(made.at))
    if as_json:
        print_json({**to_plain(made), "at": at})
    else:
        print(f"{at}  {made.file}  {made.size / 2**20:.1f} MB", flush=True)
