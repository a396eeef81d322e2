"""The page without a password, and a gate with one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.live import PASSWORD, Live, gate_alone, live


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("served")
    with live(folder / "home", folder / "models") as running:
        yield running


@pytest.fixture
def locked() -> Iterator[Live]:
    with gate_alone(PASSWORD) as running:
        yield running
