"""A hub on this machine, in place of both real ones."""

from collections.abc import Iterator

import pytest

from .hub_server import Hub, serving, small_model


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(small_model()) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("MODELSCOPE_DOMAIN", served.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield served
