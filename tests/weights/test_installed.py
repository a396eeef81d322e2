"""What is here, and what fits the machine."""

import pytest

from ragapp.machine import Hardware
from ragapp.weights.installed import recommended_chat_model


@pytest.mark.parametrize(
    ("memory", "name"),
    [(0.0, "Qwen2.5-0.5B-Instruct"), (8.0, "Qwen2.5-1.5B-Instruct"), (24.0, "Qwen2.5-7B-Instruct")],
)
def test_the_recommendation_grows_with_the_gpu(memory: float, name: str) -> None:
    assert recommended_chat_model(Hardware("cuda", True, memory, 8)) == name
