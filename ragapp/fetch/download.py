"""A URL to a file: redirections checked one by one, sizes counted as bytes come."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from ragapp.documents.formats import SUFFIXES, UNREAD_BY_SUFFIX
from ragapp.documents.parse import LARGEST_FILE
from ragapp.errors import FetchFailed
from ragapp.fetch.address import Target, resolve
from ragapp.types import CancelCheck, never_cancel
from ragapp.uploads.names import safe_name

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTIONS = 5
CONNECT_S, READ_S, LONGEST_S = 10.0, 30.0, 600.0
LONGEST_STEM = 80
# What servers say of pages whose URL has no suffix, or that of the program that made them.
BY_MEDIA_TYPE = {
    "text/html": ".html", "application/xhtml+xml": ".xhtml", "application/pdf": ".pdf",
    "text/plain": ".txt", "text/markdown": ".md", "text/csv": ".csv", "application/json": ".json",
    "application/xml": ".xml", "text/xml": ".xml", "application/rtf": ".rtf",
    "application/epub+zip": ".epub", "application/zip": ".zip", "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "image/png": ".png", "image/jpeg": ".jpg",
}  # fmt: skip


def urls_of(lines: str) -> list[str]:
    """Return the URLs of a list: one a line, empty lines and those that begin with # left out."""
    stripped = (line.strip().lstrip("\ufeff") for line in lines.splitlines())
    return list(dict.fromkeys(line for line in stripped if line and not line.startswith("#")))


def fetch(
    url: str, folder: Path, cancel: CancelCheck = never_cancel, *, allow_private: bool = False
) -> Path:
    """Fetch what a URL leads to into a folder, in place of what was fetched from it before.

    allow_private: also from this machine and the networks it is in, which a list from somebody
    else should not reach.

    Raises:
        FetchFailed: there is no such thing, it may not be fetched, or is of no kind that is read.
    """
    target = resolve(url, allow_private=allow_private)
    for _ in range(MOST_REDIRECTIONS + 1):
        with _answer(target) as answer:
            if not answer.is_redirect:
                return _keep(answer, url, target, folder, cancel)
            location = urljoin(target.url, answer.headers["location"])
        target = resolve(location, allow_private=allow_private)
    raise FetchFailed("fetch_too_many_redirections", url=url, most=MOST_REDIRECTIONS)


@contextlib.contextmanager
def _answer(target: Target) -> Iterator[httpx.Response]:
    """Ask the checked address; the name is for the server's certificate and its choice of site."""
    import httpx

    from ragapp import __version__

    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    headers = {"Host": target.authority, "User-Agent": f"ragapp/{__version__}"}
    try:
        # Proxies of the environment would look the name up themselves.
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            request = client.build_request(
                "GET", target.direct_url, headers=headers,
                extensions={"sni_hostname": target.host},
            )  # fmt: skip
            answer = client.send(request, stream=True)
            try:
                yield answer
            finally:
                answer.close()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise FetchFailed("fetch_no_answer", url=target.url, reason=reason) from error


def _keep(
    answer: httpx.Response, url: str, target: Target, folder: Path, cancel: CancelCheck
) -> Path:
    if not answer.is_success:
        raise FetchFailed("fetch_refused", url=url, status=answer.status_code)
    file = folder / file_name(url, target, answer.headers.get("content-type", ""))
    staging = file.with_name(f".{secrets.token_hex(6)}.partial")
    deadline, size = time.monotonic() + LONGEST_S, 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staging.open("xb") as sink:
            for data in answer.iter_bytes():
                size += len(data)
                if size > LARGEST_FILE:
                    raise FetchFailed("fetch_too_large", url=url, mib=LARGEST_FILE >> 20)
                if time.monotonic() > deadline:
                    raise FetchFailed("fetch_no_answer", url=url, reason=f"{LONGEST_S:.0f} s")
                if cancel():
                    raise FetchFailed("fetch_stopped", url=url)
                sink.write(data)
        if _same(staging, file):
            return file  # an unchanged page keeps its time, and is not read again
        staging.replace(file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FetchFailed("fetch_not_kept", url=url, folder=folder, reason=reason) from error
    finally:
        staging.unlink(missing_ok=True)
    return file


def file_name(url: str, target: Target, content_type: str) -> str:
    """Name the file of a URL: readable, and the same each time.

    Raises:
        FetchFailed: it is of no kind that is read.
    """
    path = unquote(urlsplit(target.url).path)
    suffix = Path(path).suffix.lower()
    media_type = content_type.partition(";")[0].strip().lower()
    told = BY_MEDIA_TYPE.get(media_type, "")
    if suffix not in SUFFIXES and suffix not in UNREAD_BY_SUFFIX:
        path, suffix = path.removesuffix(suffix) if told else path, told
    elif told == ".html":  # a login, or a page about the file instead of it
        suffix = told
    if not suffix:
        raise FetchFailed("fetch_unknown_kind", url=url, media_type=media_type or "?")
    words = re.sub(r"[\s/_]+", "-", f"{target.host}{path.removesuffix(suffix)}").strip("-")
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    stem = safe_name(words[:LONGEST_STEM]).replace(".", "-")
    return f"{stem}-{digest}{suffix}"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except FileNotFoundError:
        return False
