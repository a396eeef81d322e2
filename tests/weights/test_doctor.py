"""The doctor says which sources answer, without telling a password, and which models are whole."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ragapp.weights.doctor import PROBE_PACKAGE, Check, check_sources, doctor
from ragapp.weights.pull import pull
from ragapp.weights.registry import SourceKind

from .hub_server import REPOSITORY, Hub

CLOSED = "http://127.0.0.1:9"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package index on this machine; its address has a password in it."""
    folder = tmp_path / "index" / PROBE_PACKAGE
    folder.mkdir(parents=True)
    wheel = f"{PROBE_PACKAGE.replace('-', '_')}-0.1.2-py3-none-any.whl"
    (folder / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{server.server_port}")
    yield PROBE_PACKAGE
    server.shutdown()
    server.server_close()


def by_source() -> dict[str, Check]:
    return {check.subject: check for check in check_sources()}


def test_sources_that_answer_are_ok(hub: Hub, index: str) -> None:
    hub.files = {}
    hub.status = 200
    checks = by_source()
    assert list(checks) == [SourceKind.HUB, SourceKind.MODELSCOPE, SourceKind.WHEEL]
    assert all(check.ok for check in checks.values())
    assert checks["hub"].what == "hub 127.0.0.1"
    assert "answered 200 in" in checks["hub"].detail
    assert checks["wheel"].detail == f"it offers {index}"
    assert "secret" not in str(checks)


def test_sources_that_do_not_answer_are_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HF_ENDPOINT", "MODELSCOPE_DOMAIN", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, CLOSED)
    checks = by_source()
    assert not any(check.ok for check in checks.values())
    assert "refused" in checks["hub"].detail
    assert "refused" in checks["modelscope"].detail
    assert PROBE_PACKAGE in checks["wheel"].detail


def test_a_refusal_is_no_sign_of_life(hub: Hub, index: str) -> None:
    hub.status = 403
    assert not by_source()["hub"].ok


def test_an_address_that_is_none_is_a_finding_too(
    monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "htp:/nonsense")
    monkeypatch.setenv("MODELSCOPE_DOMAIN", CLOSED)
    assert "no answer" in by_source()["hub"].detail


def models_found(models: Path) -> list[Check]:
    return [check for check in doctor(models) if check.subject == "model"]


def test_a_whole_model_and_a_damaged_one_are_told_apart(
    hub: Hub, index: str, tmp_path: Path
) -> None:
    folder = pull(REPOSITORY, tmp_path / "models")
    (check,) = models_found(tmp_path / "models")
    assert check.ok
    assert check.where == REPOSITORY
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.seek(1_000_000)
        weights.write(b"\xff\xff")
    (check,) = models_found(tmp_path / "models")
    assert not check.ok
    assert "model.safetensors" in check.detail
    assert "pull it again" in check.detail


def test_a_model_put_there_by_hand_has_nothing_to_compare_with(
    hub: Hub, index: str, tmp_path: Path
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "config.json").write_text("{}")
    (check,) = models_found(tmp_path / "models")
    assert check.ok
    assert "by hand" in check.detail
