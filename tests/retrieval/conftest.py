import pytest
from fixtures import sample_kb


@pytest.fixture(scope="session")
def samples(models_dir, tmp_path_factory):
    """Some of sample_docs in a knowledge base."""
    return sample_kb(models_dir, tmp_path_factory.getbasetemp() / "samples-home")
