"""Killed, or failed by the disk, at any call to the system: nothing acknowledged is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ragapp.index.knowledge_base import KnowledgeBase
from tests.index import faults
from tests.index.builders import RECIPE


def can_trace() -> bool:
    """Some containers forbid what strace does."""
    strace = shutil.which("strace")
    return (
        strace is not None
        and not subprocess.run([strace, "-f", "true"], check=False, capture_output=True).returncode
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_trace(), reason="faults are injected by strace"),
]

KILLS, FAILURES = 10, 4
"""Points that are tried here; ``benchmarks/store_faults.py`` tries all."""


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    return list(faults.points(tmp_path_factory.mktemp("whole") / "kb"))


def test_the_steps_lead_where_the_sweep_expects(tmp_path: Path) -> None:
    outcome = faults.inject(tmp_path / "kb")
    assert (outcome.code, outcome.acknowledged) == (0, len(faults.STEPS) + 1)
    assert faults.wrong(tmp_path / "kb", outcome) == ""


def test_a_lost_document_would_be_seen(tmp_path: Path) -> None:
    kb = KnowledgeBase.create(tmp_path / "kb", RECIPE)
    after_one_step = faults.Outcome(-9, "", 2)
    assert "it holds []" in faults.wrong(kb.folder, after_one_step)


def test_what_nothing_needs_would_be_seen(tmp_path: Path) -> None:
    kb = KnowledgeBase.create(tmp_path / "kb", RECIPE)
    (tmp_path / "kb" / "store.sqlite.old").write_text("left")
    assert "left over: ['store.sqlite.old']" in faults.wrong(kb.folder, faults.Outcome(-9, "", 1))


@pytest.mark.parametrize("part", range(KILLS))
def test_a_kill_loses_nothing(tmp_path: Path, points: list[tuple[str, int]], part: int) -> None:
    call, nth = points[len(points) * part // KILLS]
    outcome = faults.inject(tmp_path / "kb", f"{call}:signal=KILL:when={nth}")
    assert outcome.code == -9
    assert faults.wrong(tmp_path / "kb", outcome) == ""


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
@pytest.mark.parametrize("part", range(FAILURES))
def test_a_failing_disk_is_named_and_loses_nothing(
    tmp_path: Path, points: list[tuple[str, int]], part: int, error: str
) -> None:
    writes = [point for point in points if point[0] in faults.WRITES]
    call, nth = writes[len(writes) * part // FAILURES]
    outcome = faults.inject(tmp_path / "kb", f"{call}:error={error}:when={nth}")
    assert faults.wrong(tmp_path / "kb", outcome) == ""
