"""Word and PowerPoint files of before 2007: LibreOffice, where it is installed, saves them anew.

It runs without a window, with a profile of its own that allows it no macros and no network, and
ends with the worker it runs in, whose limits are its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ragapp.documents.readers import Extract, Format, slides
from ragapp.documents.readers.docx import reader as docx
from ragapp.errors import BrokenDocument, UnsupportedFormat

ADDRESS_SPACE = 6 << 30
"""Bytes: the program maps more than a worker may, and uses a tenth of it."""

# What a document could make the program do on its own: run macros, or fetch what it links to.
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
{items}
</oor:items>
"""
_ITEM = (
    '<item oor:path="/{path}"><prop oor:name="{name}" oor:op="fuse">'
    "<value>{value}</value></prop></item>"
)
_SECURITY = "org.openoffice.Office.Common/Security/Scripting"
_NETWORK = "org.openoffice.Inet/Settings"
_SETTINGS = (
    (_SECURITY, "MacroSecurityLevel", "3"),
    (_SECURITY, "DisableMacrosExecution", "true"),
    (_SECURITY, "BlockUntrustedRefererLinks", "true"),
    (_NETWORK, "ooInetProxyType", "2"),
    *((_NETWORK, f"ooInet{kind}ProxyName", "127.0.0.1") for kind in ("HTTP", "HTTPS", "FTP")),
    *((_NETWORK, f"ooInet{kind}ProxyPort", "9") for kind in ("HTTP", "HTTPS", "FTP")),
)


def program() -> str | None:
    """Return where LibreOffice is, None when it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def _read(data: bytes, name: str, suffix: str, read: Callable[[bytes, str], Extract]) -> Extract:
    """Read a file by way of its present-day form.

    Raises:
        UnsupportedFormat: LibreOffice is not installed.
        BrokenDocument: it made nothing of the file.
    """
    office = program()
    if office is None:
        raise UnsupportedFormat("office_missing", name=name, suffix=Path(name).suffix)
    with tempfile.TemporaryDirectory(prefix="ragapp-office-") as temporary:
        made = _saved_anew(Path(temporary), data, name, suffix, office)
    return read(made, name)


def _saved_anew(folder: Path, data: bytes, name: str, suffix: str, office: str) -> bytes:
    source = folder / f"source{suffix.removesuffix('x')}"  # the file's own name may be anything
    source.write_bytes(data)
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    items = "\n".join(_ITEM.format(path=p, name=n, value=v) for p, n, v in _SETTINGS)
    (profile / "user" / "registrymodifications.xcu").write_text(_PROFILE.format(items=items))
    try:
        ended = subprocess.run(
            [
                office, "--headless", "--norestore", "--nolockcheck", "--nodefault",
                f"-env:UserInstallation={profile.as_uri()}",
                "--convert-to", suffix.removeprefix("."), "--outdir", str(folder), str(source),
            ],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
            cwd=folder, env=_environment(folder),
            preexec_fn=_more_room if sys.platform == "linux" else None,
        )  # fmt: skip
    except OSError as error:
        raise BrokenDocument("office_made_nothing", name=name, reason=str(error)) from error
    made = source.with_suffix(suffix)
    if not made.is_file():
        said = re.sub(r"\s+", " ", ended.stderr.decode(errors="replace")).strip()
        reason = said or f"exit code {ended.returncode}"
        raise BrokenDocument("office_made_nothing", name=name, reason=reason[:200])
    return made.read_bytes()


def _environment(folder: Path) -> dict[str, str]:
    """Return what the program needs to know of the world: nothing of the user's."""
    kept = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP")
    return {"HOME": str(folder)} | {key: os.environ[key] for key in kept if key in os.environ}


def _more_room() -> None:
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    room = ADDRESS_SPACE if most == resource.RLIM_INFINITY else min(ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (room, most))


WORD = Format(
    name="Word 97-2003",
    suffixes=(".doc",),
    media_type="application/msword",
    read=lambda data, name: _read(data, name, ".docx", docx.read),
)
SLIDES = Format(
    name="PowerPoint 97-2003",
    suffixes=(".ppt",),
    media_type="application/vnd.ms-powerpoint",
    read=lambda data, name: _read(data, name, ".pptx", slides.read),
)
