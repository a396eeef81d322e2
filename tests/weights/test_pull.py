"""A model is here whole or not at all, and errors say what to do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ragapp.errors import (
    Cancelled,
    DiskFull,
    DownloadFailed,
    HashMismatch,
    ModelError,
    ModelMissing,
    UnknownModel,
)
from ragapp.types import Progress, Stage
from ragapp.weights.installed import landed_models
from ragapp.weights.manifest import damaged_files, read_manifest
from ragapp.weights.pull import (
    installed,
    pull,
    pull_default_chat_model,
    resolve,
)
from ragapp.weights.registry import SourceKind

from .hub_server import REPOSITORY, Hub


def visible(models: Path) -> list[str]:
    """What a reader of the models folder sees."""
    return sorted(path.name for path in models.iterdir() if not path.name.startswith("."))


def staged(models: Path) -> list[str]:
    staging = models / ".staging"
    return [path.name for path in staging.iterdir()] if staging.exists() else []


def test_any_hub_id_can_be_pulled_and_then_resolved(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=f"`ragapp models pull {REPOSITORY}`"):
        resolve(REPOSITORY, tmp_path)
    events: list[Progress] = []
    folder = pull(REPOSITORY, tmp_path, events.append)
    assert folder == tmp_path / "somebody--small-model" == resolve(REPOSITORY, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    assert (folder / "1_Pooling/config.json").is_file()
    assert events[-1].stage is Stage.DONE
    assert installed(tmp_path) == [REPOSITORY]
    assert staged(tmp_path) == []
    assert not (tmp_path / ".downloads" / folder.name).exists()


def test_a_folder_says_where_it_came_from(hub: Hub, tmp_path: Path) -> None:
    folder = pull(REPOSITORY, tmp_path)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.source == f"hub: {REPOSITORY}@main"
    assert damaged_files(folder, manifest) == []


def test_the_command_goes_out_though_everything_else_is_kept_local(
    hub: Hub, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ragapp.cli", "models", "pull", REPOSITORY]
    kept_local = {"HF_HUB_OFFLINE": "1", "RAGAPP_MODELS": str(tmp_path)}
    subprocess.run(command, env=os.environ | kept_local, check=True, capture_output=True)
    assert visible(tmp_path) == ["somebody--small-model"]


def test_a_pulled_model_is_not_pulled_again(hub: Hub, tmp_path: Path) -> None:
    pull(REPOSITORY, tmp_path)
    hub.status = 500
    assert pull(REPOSITORY, tmp_path).is_dir()


def test_the_next_source_is_tried(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    folder = pull(REPOSITORY, tmp_path)
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.source.startswith(SourceKind.MODELSCOPE)


def test_every_sources_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:9")
    with pytest.raises(DownloadFailed) as caught:
        pull(REPOSITORY, tmp_path)
    assert "hub: " in caught.value.why
    assert "modelscope: " in caught.value.why
    assert "refused" in caught.value.why
    assert "doctor" in caught.value.fix
    assert "；modelscope：" in caught.value.line("zh")


def test_an_only_sources_failure_says_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadFailed, match=r"small-model from 127\.0\.0\.1: no connection"):
        pull(REPOSITORY, tmp_path, only=SourceKind.HUB)
    assert visible(tmp_path) == staged(tmp_path) == []


def test_a_wrong_hash_stays_one(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.declared["model.safetensors"] = "cd" * 32
    with pytest.raises(HashMismatch, match="it was deleted"):
        pull(REPOSITORY, tmp_path, only=SourceKind.HUB)
    monkeypatch.setenv("MODELSCOPE_DOMAIN", "http://127.0.0.1:9")
    with pytest.raises(HashMismatch, match="no source delivered"):
        pull(REPOSITORY, tmp_path)
    assert visible(tmp_path) == staged(tmp_path) == []


def test_a_request_to_stop_leaves_only_what_can_be_gone_on_with(hub: Hub, tmp_path: Path) -> None:
    events: list[Progress] = []
    with pytest.raises(Cancelled):
        pull(REPOSITORY, tmp_path, events.append, lambda: len(events) > 3)
    assert visible(tmp_path) == staged(tmp_path) == []
    pull(REPOSITORY, tmp_path)
    assert visible(tmp_path) == ["somebody--small-model"]


PULL = """
import sys
from pathlib import Path
from ragapp.weights.pull import pull
pull(sys.argv[1], Path(sys.argv[2]), lambda event: print(event.item, event.done, flush=True))
"""


def test_a_killed_pull_leaves_nothing_half_made_and_resumes(hub: Hub, tmp_path: Path) -> None:
    hub.pause_s = 0.05
    process = subprocess.Popen(
        [sys.executable, "-c", PULL, REPOSITORY, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith("model.safetensors") and int(line.split()[1]) > 500_000:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert visible(tmp_path) == []
    hub.pause_s = 0.0
    folder = pull(REPOSITORY, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == hub.files["model.safetensors"]
    (start,) = [asked for path, asked in hub.ranges if path == "model.safetensors" and asked]
    assert int(start.removeprefix("bytes=").rstrip("-")) > 500_000


def test_two_pulls_of_one_model_do_not_collide(hub: Hub, tmp_path: Path) -> None:
    hub.pause_s = 0.02
    command = [sys.executable, "-c", PULL, REPOSITORY, str(tmp_path)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    second = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    assert (first.wait(60), second.wait(60)) == (0, 0)
    fetched = [path for path, _ in hub.ranges if path == "model.safetensors"]
    assert len(fetched) == 1


def test_a_full_disk_is_said_and_no_other_source_tried(hub: Hub, tmp_path: Path) -> None:
    hub.declared_size = 10**18
    with pytest.raises(DiskFull, match="free on the disk"):
        pull(REPOSITORY, tmp_path)
    assert hub.ranges == []
    assert visible(tmp_path) == staged(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        pull("SmolLM2-135M-Instruct", tmp_path / "file" / "models")


def test_a_local_folder_is_used_in_place(hub: Hub, tmp_path: Path) -> None:
    folder = pull(REPOSITORY, tmp_path / "models")
    assert resolve(str(folder), tmp_path / "elsewhere") == folder
    assert pull(str(folder), tmp_path / "elsewhere") == folder
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve(str(tmp_path), tmp_path)


def test_an_unknown_name_meets_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="Did you mean multilingual-e5-small"):
        pull("multilingual-e5-smal", tmp_path)
    with pytest.raises(UnknownModel, match="ragapp models list"):
        resolve("nothing at all", tmp_path)


def test_when_no_default_chat_model_can_be_had_the_first_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_ENDPOINT", "MODELSCOPE_DOMAIN", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(DownloadFailed, match=r"Qwen2\.5-0\.5B-Instruct: no source"):
        pull_default_chat_model(tmp_path)
    assert visible(tmp_path) == staged(tmp_path) == []


def test_the_real_models_are_whole_and_readable_by_others(models_dir: Path) -> None:
    for model in landed_models(models_dir):
        assert model.manifest is not None
        assert model.manifest.source.startswith(SourceKind.WHEEL)
        assert model.manifest.licence in {"MIT", "Apache-2.0"}
        assert damaged_files(model.folder, model.manifest) == []
        mode = (model.folder / "model.safetensors").stat().st_mode
        assert mode & 0o444 == 0o444 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_starting_is_quick() -> None:
    """Importing the facade loads none of the heavy libraries."""
    code = "import sys, ragapp.weights.pull; print({'torch', 'transformers'} & set(sys.modules))"
    start = time.perf_counter()
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stdout.strip() == "set()"
    assert time.perf_counter() - start < 5
