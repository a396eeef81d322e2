"""The command that makes a knowledge base mirror a folder."""

from __future__ import annotations

import argparse
import sys

from ragapp.cli.output import (
    DONE,
    code_of,
    open_library,
    print_ingested,
    print_json,
    say,
    stop_on_interrupt,
)
from ragapp.errors import WatchedFolderGone
from ragapp.people import LOCAL
from ragapp.settings import Settings


def sync(options: argparse.Namespace, settings: Settings) -> int:
    """Bring in what is new, take out what has gone; ask before more than a few go."""
    from ragapp.cli.terminal import IngestBar
    from ragapp.ingest import Status
    from ragapp.sync import plan, sync

    into = open_library(settings).open_or_create(settings.kb, LOCAL)
    planned = plan(options.folder, into)
    if options.dry_run:
        if options.json:
            print_json({"files": planned.files, "gone": list(planned.gone)})
        for path in planned.gone if not options.json else ():
            print(f"{Status.REMOVED:<10} {path}")
        say(f"{planned.files} files; {len(planned.gone)} of {planned.known} documents would go")
        return DONE
    if planned.takes_many and not options.yes and not _agreed(planned.gone):
        raise WatchedFolderGone(
            "sync_takes_many", folder=planned.folder, gone=len(planned.gone), known=planned.known
        )
    stop = stop_on_interrupt()
    with IngestBar() as bar:
        results = sync(planned, into, bar.show, stop.is_set)
    print_ingested(results, options.json)
    return code_of(results)


def _agreed(gone: tuple[str, ...]) -> bool:
    """Ask a person at the terminal; a script is never asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    for path in gone[:10]:
        say(f"gone: {path}")
    say(f"{len(gone)} documents will be taken out. Go on? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")
