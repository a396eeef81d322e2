"""The machine is looked at once."""

import json
from pathlib import Path

import pytest
import torch

from ragapp import paths
from ragapp.weights.hardware import Hardware, probe, recommended_chat_model


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


@pytest.mark.parametrize(
    ("memory", "name"),
    [(0.0, "Qwen2.5-0.5B-Instruct"), (8.0, "Qwen2.5-1.5B-Instruct"), (24.0, "Qwen2.5-7B-Instruct")],
)
def test_the_recommendation_grows_with_the_gpu(memory: float, name: str) -> None:
    assert recommended_chat_model(Hardware("cuda", True, memory, 8)) == name
