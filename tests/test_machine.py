"""The machine is looked at once, and what was measured is remembered."""

import json
import resource
import sys
from pathlib import Path

import pytest
import torch

from ragapp import paths
from ragapp.machine import give_memory_back, probe, processor_name, remembered


def never() -> float:
    raise AssertionError("measured a second time")


def test_the_timing_of_bfloat16_is_remembered(tmp_path: Path) -> None:
    hardware = probe(tmp_path)
    assert hardware.cores >= 1
    if torch.cuda.is_available():
        pytest.skip("a GPU needs no timing")
    file = paths.hardware_probe(tmp_path)
    (key,) = json.loads(file.read_text())
    assert torch.__version__ in key
    assert processor_name() in key
    file.write_text(json.dumps({key: not hardware.bf16_fast}))
    assert probe(tmp_path).bf16_fast is not hardware.bf16_fast


def test_a_measurement_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "models" / "notes.json"
    assert remembered(file, "torch 1", lambda: 0.25) == 0.25
    assert remembered(file, "torch 1", never) == 0.25


def test_two_keys_stay_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    remembered(file, "on this processor", lambda: True)
    remembered(file, "on another", lambda: 1.5)
    assert remembered(file, "on this processor", never) is True
    assert remembered(file, "on another", never) == 1.5


def test_what_another_process_notes_meanwhile_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"

    def measure() -> float:
        remembered(file, "theirs", lambda: 2.0)
        return 1.0

    remembered(file, "ours", measure)
    assert remembered(file, "theirs", never) == 2.0


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"null", b'{"torch 1": 0.', b"\xff\xfe", b'{"torch 1": "quick"}']
)
def test_a_damaged_note_is_started_anew(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "notes.json"
    file.write_bytes(damage)
    assert remembered(file, "torch 1", lambda: 0.5) == 0.5
    assert remembered(file, "torch 1", never) == 0.5


def test_where_nothing_can_be_written_the_value_is_returned_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    file = tmp_path / "models" / "notes.json"
    assert remembered(file, "torch 1", lambda: 0.5) == 0.5


def test_a_failed_write_leaves_the_notes_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.mkdir()  # a rename onto a folder fails for anybody, root as well
    assert remembered(file, "torch 1", lambda: 0.5) == 0.5
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_measurement_is_not_noted(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    with pytest.raises(AssertionError):
        remembered(file, "torch 1", never)
    assert not file.exists()


def test_the_processor_has_a_name() -> None:
    assert processor_name().strip()


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_free_memory_is_given_back() -> None:
    held = [bytearray(50_000) for _ in range(2000)]
    kept = held[-1]  # at the top: without a trim, nothing below it is given back
    before = resident()
    del held
    assert give_memory_back()
    assert resident() < before - 50_000_000
    assert len(kept) == 50_000


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
