"""The command that fetches pages of the web and indexes them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ragapp import paths
from ragapp.cli.output import (
    DONE_IN_PART,
    FAILED,
    code_of,
    open_library,
    print_ingested,
    say,
    stop_on_interrupt,
)
from ragapp.errors import FetchFailed, UsageError
from ragapp.people import LOCAL
from ragapp.settings import Settings


def fetch(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch URLs, or the lists of URLs in files, and index what came."""
    from ragapp.cli.terminal import IngestBar
    from ragapp.fetch.download import fetch
    from ragapp.ingest import ingest

    urls = _urls(options.urls)
    folder = options.into or paths.fetched(settings.home, settings.kb)
    into = open_library(settings).open_or_create(settings.kb, LOCAL)
    stop = stop_on_interrupt()
    files, failed = [], 0
    for url in urls:
        if stop.is_set():
            break
        try:
            files.append(fetch(url, folder, stop.is_set, allow_private=options.allow_private))
        except FetchFailed as error:
            failed += 1
            say(f"ragapp: {error}")
    if not files:
        return FAILED
    with IngestBar() as bar:
        results = ingest(files, into, bar.show, stop.is_set)
    print_ingested(results, options.json)
    say(f"{len(files)} of {len(urls)} fetched; they are kept in {folder}")
    return DONE_IN_PART if failed or stop.is_set() else code_of(results)


def _urls(arguments: list[str]) -> list[str]:
    """Return the URLs among some arguments and in the files that the others name."""
    from ragapp.fetch.download import urls_of
    from ragapp.text.decode import decode

    urls: list[str] = []
    for argument in arguments:
        if "://" in argument:
            urls.append(argument)
            continue
        try:
            data = Path(argument).read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError("url_list_unreadable", file=argument, reason=reason) from error
        urls += urls_of(decode(data, argument).text)
    if not urls:
        raise UsageError("no_urls_given")
    return list(dict.fromkeys(urls))
