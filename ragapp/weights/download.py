"""One file over HTTP: resumed where it broke off, verified, and in place only when it is whole."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import Cancelled, DiskFull, DownloadFailed, HashMismatch
from ragapp.types import (
    CancelCheck,
    Progress,
    ProgressSink,
    Stage,
    ignore_progress,
    never_cancel,
)
from ragapp.weights.disk import full_disk_reported, require_room
from ragapp.weights.verify import Digest

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
# Attempts in a row that bring no byte; one that does starts the count again.
FRUITLESS_ATTEMPTS = 4
# A name that does not resolve or a closed port rarely heals within seconds.
FRUITLESS_CONNECTIONS = 2
FIRST_PAUSE_SECONDS = 0.5
PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Download:
    """What to fetch. Without ``digest`` a broken download starts anew, for nothing vouches for it.

    ``size`` in bytes; ``item`` is the name that progress and errors show.
    """

    url: str
    item: str
    digest: Digest | None = None
    size: int | None = None


def open_client(headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Open an HTTP client that follows redirects and the proxy settings of the environment.

    Raises:
        DownloadFailed: the environment names a proxy that cannot be used.
    """
    import httpx

    try:
        return httpx.Client(
            headers={"User-Agent": "ragapp", "Accept-Encoding": "identity", **(headers or {})},
            follow_redirects=True,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        )
    except (ImportError, ValueError) as error:  # a SOCKS proxy without socksio, or a bad address
        raise DownloadFailed("proxy_unusable", reason=str(error)) from error


def download(
    client: httpx.Client,
    wanted: Download,
    destination: Path,
    progress: ProgressSink = ignore_progress,
    cancel: CancelCheck = never_cancel,
) -> Path:
    """Fetch ``wanted`` to ``destination``; a file that is already there is taken as verified.

    An interrupted download leaves ``destination`` + ``.part``, which the next call goes on with.

    Raises:
        DownloadFailed: the server cannot be reached, refuses, or keeps breaking off.
        HashMismatch: what arrived is something else; it is deleted.
        DiskFull: there is no room; what had arrived is deleted.
        Cancelled: a person asked to stop.
    """
    if destination.exists():
        return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    if wanted.digest is None:
        part.unlink(missing_ok=True)
    have = part.stat().st_size if part.exists() else 0
    if wanted.size is not None:
        if have > wanted.size:
            part.unlink()
            have = 0
        require_room(destination.parent, wanted.size - have, wanted.item)
    try:
        with full_disk_reported(destination.parent, wanted.item):
            _fetch_persistently(client, wanted, part, progress, cancel)
    except DiskFull:
        part.unlink(missing_ok=True)
        raise
    if wanted.digest and not wanted.digest.matches(part):
        part.unlink()
        raise HashMismatch(
            "download_has_another_hash",
            item=wanted.item,
            host=host(wanted.url),
            kind=wanted.digest.kind,
            expected=wanted.digest.value,
        )
    part.replace(destination)
    return destination


def host(url: str) -> str:
    """Return the host of an address, without any password in it."""
    import httpx

    return httpx.URL(url).host or url


def _fetch_persistently(
    client: httpx.Client,
    wanted: Download,
    part: Path,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> None:
    """Ask again, from where it broke off, until the part is whole or it makes no sense."""
    import httpx

    fruitless = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_once(client, wanted, part, progress, cancel)
            return
        except httpx.TransportError as error:
            after = part.stat().st_size if part.exists() else 0
            fruitless = 1 if after > before else fruitless + 1
            connecting = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            if fruitless >= (FRUITLESS_CONNECTIONS if connecting else FRUITLESS_ATTEMPTS):
                raise unreachable(wanted.url, wanted.item, error) from error
            logger.info("%s broke off at %d bytes: %s", wanted.item, after, error)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(wanted.url, wanted.item, error) from error
        _pause(FIRST_PAUSE_SECONDS * 2 ** (fruitless - 1), cancel, wanted.item)


def _fetch_once(
    client: httpx.Client,
    wanted: Download,
    part: Path,
    progress: ProgressSink,
    cancel: CancelCheck,
) -> None:
    """Append to ``part`` what is missing.

    Raises:
        httpx.TransportError: the connection failed, or the server asked for patience.
    """
    import httpx

    have = part.stat().st_size if part.exists() else 0
    if have and have == wanted.size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", wanted.url, headers=headers) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if answer.headers.get("Content-Range") == f"bytes */{have}":
                return  # nothing is missing
            part.unlink()
            raise httpx.RemoteProtocolError("the part on disk is longer than the file")
        _check_status(answer, wanted)
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server sends the whole file
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else wanted.size
        with part.open("ab" if have else "wb") as stream:
            shown = 0.0
            for piece in answer.iter_raw():  # as it arrives: nothing is lost in a drop
                if cancel():
                    raise Cancelled("pull_stopped", item=wanted.item)
                stream.write(piece)
                have += len(piece)
                if time.monotonic() - shown > PROGRESS_SECONDS:
                    shown = time.monotonic()
                    progress(Progress(Stage.DOWNLOADING, wanted.item, have, total))
            stream.flush()
            os.fsync(stream.fileno())
        progress(Progress(Stage.DOWNLOADING, wanted.item, have, total))
    if wanted.size is not None and have < wanted.size:
        raise httpx.RemoteProtocolError(f"the file ended after {have} of {wanted.size} bytes")


def _check_status(answer: httpx.Response, wanted: Download) -> None:
    """Raise for anything but content."""
    import httpx

    code = answer.status_code
    if code in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        return
    if code == httpx.codes.TOO_MANY_REQUESTS or code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise httpx.RemoteProtocolError(f"the server answered {code}")
    raise refused(wanted.url, wanted.item, code)


def refused(url: str, item: str, status: int) -> DownloadFailed:
    """Build the error for an HTTP status that trying again does not change."""
    if status in (401, 403):
        return DownloadFailed("download_not_open", item=item, host=host(url), status=status)
    return DownloadFailed(
        "download_not_found" if status == 404 else "download_refused",
        item=item,
        host=host(url),
        status=status,
    )


def unreachable(url: str, item: str, error: Exception) -> DownloadFailed:
    """Build the error for a host that does not answer, or breaks off again and again."""
    reason = str(error) or type(error).__name__
    return DownloadFailed("download_broke_off", item=item, host=host(url), reason=reason)


def _pause(seconds: float, cancel: CancelCheck, item: str) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cancel():
            raise Cancelled("pull_stopped", item=item)
        time.sleep(0.05)
