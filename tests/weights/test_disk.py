"""Too little room is said in a sentence, before the first byte and when it runs out midway."""

import errno
import shutil
from pathlib import Path

import pytest

from ragapp.errors import DiskFull
from ragapp.weights.disk import full_disk_reported, gigabytes, require_room


def test_what_fits_passes(tmp_path: Path) -> None:
    require_room(tmp_path, 1, "a file")


def test_what_does_not_fit_is_said_with_both_sizes_and_the_disk(tmp_path: Path) -> None:
    needed = shutil.disk_usage(tmp_path).total + 1_000_000_000
    with pytest.raises(DiskFull) as caught:
        require_room(tmp_path, needed, "a large model")
    said = str(caught.value)
    assert said.startswith("no room for a large model: ")
    assert f"{gigabytes(needed)} are needed and" in said
    assert f"free on the disk of {tmp_path}" in said


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_write_without_room_becomes_a_sentence(tmp_path: Path, code: int) -> None:
    with (
        pytest.raises(DiskFull, match="no room for a model"),
        full_disk_reported(tmp_path, "a model"),
    ):
        raise OSError(code, "as the system says it")


def test_a_real_full_device_is_recognised(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("Linux only")
    with pytest.raises(DiskFull), full_disk_reported(tmp_path, "a model"):
        full.write_bytes(b"one byte")


def test_a_library_in_rust_says_it_in_its_own_words(tmp_path: Path) -> None:
    from safetensors import SafetensorError

    with pytest.raises(DiskFull), full_disk_reported(tmp_path, "a model"):
        raise SafetensorError("I/O error: No space left on device (os error 28)")


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), ValueError("no")])
def test_any_other_error_stays_itself(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), full_disk_reported(tmp_path, "a model"):
        raise error


def test_a_size_is_written_for_a_person() -> None:
    assert gigabytes(471_000_000) == "0.47 GB"
