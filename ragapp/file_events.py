"""When to look at watched folders again: at once when the system tells of a change in them.

Events say when, never what: they come twice, late or not at all (network shares, a full queue). So
what has changed is found by looking, and looked for now and then in any case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

from ragapp.errors import FileEventsUnavailable

BETWEEN_LOOKS_S = 1.0
"""At least; what is the same in two looks has been written to its end."""
UNTOLD_S = 30.0
"""The longest time without a look."""
POLL_S = 2.0
"""Between looks where the system tells nothing."""

Identity = tuple[int, int]
"""Device and inode: what tells a folder from another one mounted or made in its place."""


def looks(
    roots: Sequence[Path], stop: Event, unsettled: Callable[[], bool]
) -> Iterator[FileEventsUnavailable | None]:
    """Yield whenever the files and folders should be looked at, until ``stop``.

    unsettled: whether the last look saw changes, so that another has to come soon. Where the system
    does not tell of changes, that is yielded once, and looks come every ``POLL_S``.
    """
    looked = time.monotonic()
    for told in _events(roots, stop):
        if isinstance(told, FileEventsUnavailable):
            yield told
            continue
        now = time.monotonic()
        if told or unsettled() or now - looked >= UNTOLD_S:
            if stop.wait(max(0.0, BETWEEN_LOOKS_S - (now - looked))):
                return
            looked = time.monotonic()
            yield None


def identity_of(path: Path) -> Identity | None:
    """Return which file or folder lies at a path, None when none does or it may not be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _events(roots: Sequence[Path], stop: Event) -> Iterator[bool | FileEventsUnavailable]:
    """Yield True when something may have changed, and False every now and then."""
    import watchfiles

    some_are_locked = False  # watchfiles then also passes over the limit, so not from the start
    while not stop.is_set():
        seen = [identity_of(root) for root in roots]
        there = [root for root, identity in zip(roots, seen, strict=True) if identity]
        if not there:
            stop.wait(BETWEEN_LOOKS_S)
            yield True
            continue
        unseen = True  # what changed before the system was asked
        try:
            for changes in watchfiles.watch(
                *there,
                watch_filter=None,
                stop_event=stop,
                rust_timeout=round(1000 * BETWEEN_LOOKS_S),
                yield_on_timeout=True,
                ignore_permission_denied=some_are_locked,
            ):
                # A root that was replaced has other inodes, of which nobody tells.
                replaced = [identity_of(root) for root in roots] != seen
                yield unseen or bool(changes) or replaced
                unseen = False
                if replaced:
                    break
        except FileNotFoundError:
            stop.wait(BETWEEN_LOOKS_S)  # it went as we began
        except (OSError, watchfiles._rust_notify.WatchfilesRustInternalError) as error:
            if isinstance(error, PermissionError) and not some_are_locked:
                some_are_locked = True
                continue
            folders = ", ".join(str(root) for root in roots)
            yield FileEventsUnavailable(
                "file_events_unavailable", folders=folders, reason=str(error), seconds=POLL_S
            )
            while not stop.wait(POLL_S):
                yield True
