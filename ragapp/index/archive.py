"""A knowledge base as one file: a zip of its database and uploads, each with its SHA-256.

The index is left out: it is made anew. An archive is one state, also while others write, and is
believed only when every checksum in it matches.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ragapp import paths
from ragapp.errors import KnowledgeBaseDamaged, KnowledgeBaseError, UsageError
from ragapp.index import folders, spare
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.store import Store
from ragapp.index.verify import verify
from ragapp.index.volume import disk_error, megabytes, mount_point

FORMAT = 1
MANIFEST, DATABASE, UPLOADS = "manifest.json", "store.sqlite", "files/"
MANIFEST_LIMIT = 16 * 2**20
"""Bytes: some 100,000 uploads."""
RATIO = 100
"""Vectors hardly shrink, and text to a tenth: what grows a hundredfold is a bomb."""
PIECE = 2**20


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the file, its size in bytes and when, in seconds since 1970."""

    file: Path
    size: int
    at: float


def export(folder: Path, file: Path) -> Exported:
    """Write a knowledge base to a new file, whole or not at all.

    Raises:
        UsageError: the file is there already.
        KnowledgeBaseDamaged: the knowledge base does not pass its checks.
        KnowledgeBaseError: the file cannot be written.
    """
    kb = KnowledgeBase.open(folder)
    if file.exists():
        raise UsageError("archive_exists_already", file=file)
    mark = secrets.token_hex(4)
    staging = file.with_name(f".{file.name}.{mark}.partial")
    copied = file.with_name(f".{file.name}.{mark}.sqlite")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with kb.reading():  # an older database is brought to this version, a harmed one refused
            pass
        spare.snapshot(paths.store_file(folder), copied)
        with staging.open("xb") as stream:
            _pack(stream, folder, copied)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(staging, file)  # unlike a rename, it never replaces what has come to be there
    except FileExistsError as error:
        raise UsageError("archive_exists_already", file=file) from error
    except OSError as error:
        raise disk_error(error, file.parent) or KnowledgeBaseError(
            "archive_cannot_be_written", file=file, reason=str(error)
        ) from error
    finally:
        staging.unlink(missing_ok=True)
        copied.unlink(missing_ok=True)
    return Exported(file, file.stat().st_size, time.time())


def restore(file: Path, folder: Path) -> KnowledgeBase:
    """Make a knowledge base of an archive, after checking all of it; never over another one.

    Raises:
        UsageError: there is one of that name, or no such file.
        KnowledgeBaseDamaged: the archive is none, or not what was written.
        KnowledgeBaseError: there is no room, or the folder cannot be written.
    """
    if paths.store_file(folder).exists():
        raise folders.exists_already(folder)
    if not file.is_file():
        raise UsageError("archive_missing", file=file)

    def fill(staging: Path) -> None:
        try:
            with zipfile.ZipFile(file) as archive:
                origin = _unpack(archive, file, staging)
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, NotImplementedError,
                RuntimeError, zlib.error) as error:  # fmt: skip
            raise _refused(file, str(error)) from error
        found = verify(staging)
        if found.harmed:
            raise _refused(file, found.harmed[0].why)
        _settle(staging, origin, folder)

    folders.make(folder, fill)
    return KnowledgeBase.open(folder)


def name_in(file: Path) -> str:
    """Return the name of the knowledge base that an archive was made of.

    Raises:
        UsageError, KnowledgeBaseDamaged: there is no such file, or it is no archive.
    """
    if not file.is_file():
        raise UsageError("archive_missing", file=file)
    try:
        with zipfile.ZipFile(file) as archive:
            return str(_manifest(archive, file)["name"])
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise _refused(file, str(error)) from error


def _pack(stream: IO[bytes], folder: Path, database: Path) -> None:
    files: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        files[DATABASE] = _add(archive, database, DATABASE)
        uploads = paths.uploads(folder)
        for file in sorted(uploads.rglob("*")) if uploads.is_dir() else ():
            if file.is_file() and not file.is_symlink():
                name = UPLOADS + file.relative_to(uploads).as_posix()
                files[name] = _add(archive, file, name)
        body = {
            "format": FORMAT,
            "name": folder.name,
            "uploads": str(paths.uploads(folder).absolute()),
            "files": files,
        }
        archive.writestr(MANIFEST, json.dumps({**body, "sha256": _digest(body)}))


def _add(archive: zipfile.ZipFile, file: Path, name: str) -> dict[str, object]:
    digest, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while piece := source.read(PIECE):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
    return {"size": size, "sha256": digest.hexdigest()}


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, object]:
    with archive.open(MANIFEST) as stream:
        text = stream.read(MANIFEST_LIMIT + 1)
    if len(text) > MANIFEST_LIMIT:
        raise _refused(file, "its list of files is too long")
    body: dict[str, object] = json.loads(text)
    if body.pop("sha256") != _digest(body):
        raise _refused(file, f"{MANIFEST} does not match its checksum")
    if body["format"] != FORMAT:
        raise KnowledgeBaseDamaged(
            "archive_of_other_format", file=file, then=body["format"], now=FORMAT
        )
    return body


def _unpack(archive: zipfile.ZipFile, file: Path, staging: Path) -> str:
    """Write all files of an archive into a folder. Returns where its uploads lay."""
    body = _manifest(archive, file)
    files: dict[str, dict[str, object]] = body["files"]  # type: ignore[assignment]
    names = [info.filename for info in archive.infolist()]
    if sorted(names) != sorted([*files, MANIFEST]) or DATABASE not in files:
        raise _refused(file, "its files are not those that it lists")
    sizes = {name: int(of["size"]) for name, of in files.items()}  # type: ignore[call-overload]
    total, packed = sum(sizes.values()), file.stat().st_size
    if total > RATIO * packed + PIECE or min(sizes.values()) < 0:
        raise _refused(file, f"{packed} bytes that become {total} are a bomb")
    free = shutil.disk_usage(staging).free
    if total > free:
        raise KnowledgeBaseError(
            "no_room_to_import",
            file=file,
            volume=mount_point(staging),
            needed=megabytes(total),
            free=megabytes(free),
        )
    for info in archive.infolist():
        if info.filename != MANIFEST:
            _check_name(info, file)
            target = staging / info.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("xb") as stream:
                digest = _copy(source, stream, sizes[info.filename])
            if digest != files[info.filename]["sha256"]:
                raise _refused(file, f"{info.filename} does not match its checksum")
    return str(body["uploads"])


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> str:
    """Copy up to ``size`` bytes and one more, which no checksum forgives; sync them."""
    digest, left = hashlib.sha256(), size + 1
    while left and (piece := source.read(min(PIECE, left))):
        digest.update(piece)
        target.write(piece)
        left -= len(piece)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _check_name(info: zipfile.ZipInfo, file: Path) -> None:
    """Refuse names that lead elsewhere, and what is not a plain file."""
    name = info.filename
    parts = PurePosixPath(name).parts
    plain = (info.external_attr >> 16) & 0o170000 in (0, 0o100000)
    inside = name == DATABASE or (name.startswith(UPLOADS) and len(parts) > 1)
    odd = any(part in (".", "..") for part in name.split("/")) or any(c in name for c in "\\:\0")
    if not plain or not inside or odd or info.is_dir():
        raise _refused(file, f"the name {name!r} is not one of ours")


def _settle(staging: Path, origin: str, folder: Path) -> None:
    """Let an imported database be one of its own, with its uploads where they are now."""
    store = Store.open(paths.store_file(staging))
    try:
        with store.transaction():
            store.set_meta({"created": str(time.time_ns())})
            for document in store.next_documents():
                if Path(document.path).parent == Path(origin):
                    moved = str(paths.uploads(folder).absolute() / Path(document.path).name)
                    store.rename_document(document.id, moved, document.name)
    finally:
        store.close()


def _digest(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _refused(file: Path, reason: str) -> KnowledgeBaseDamaged:
    return KnowledgeBaseDamaged("base_archive_damaged", file=file, reason=reason)
