from pathlib import Path

import pytest
from fixtures import smollm2

from ragapp.llm.torch.engine import TorchEngine


@pytest.fixture(scope="session")
def engine(models_dir: Path) -> TorchEngine:
    return smollm2(models_dir)
