import pytest
from fixtures import e5

from ragapp.embedding.pool import Pooling


@pytest.fixture(scope="session")
def encoder(models_dir):
    """multilingual-e5-small, first-last-avg, float32."""
    return e5(models_dir, Pooling.FIRST_LAST_AVG)
