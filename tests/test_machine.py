"""The machine is looked at once."""

import json
from pathlib import Path

import pytest
import torch

from ragapp import paths
from ragapp.machine import probe


def test_the_timing_is_remembered(tmp_path: Path) -> None:
    hardware = probe(tmp_path)
    assert hardware.cores >= 1
    if torch.cuda.is_available():
        pytest.skip("a GPU needs no timing")
    file = paths.hardware_probe(tmp_path)
    (key,) = json.loads(file.read_text())
    assert torch.__version__ in key
    file.write_text(json.dumps({key: not hardware.bf16_fast}))
    assert probe(tmp_path).bf16_fast is not hardware.bf16_fast


@pytest.mark.parametrize("content", ["", "[]", '{"another processor": true}'])
def test_a_note_that_does_not_fit_is_replaced(tmp_path: Path, content: str) -> None:
    paths.hardware_probe(tmp_path).write_text(content)
    first = probe(tmp_path)
    assert first == probe(tmp_path)
