import json
import shutil

import pytest
from fixtures import SMOLLM2

from ragapp.errors import ModelError
from ragapp.llm.openvino.export import GRAPH, cannot_export, exported


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    import torch
    from transformers import AutoModelForCausalLM, Qwen2Config

    folder = tmp_path_factory.mktemp("tiny")
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 97}
    torch.manual_seed(3)
    AutoModelForCausalLM.from_config(Qwen2Config(**sizes, **heads)).save_pretrained(folder)
    return folder


def test_an_export_is_made_once_and_found_again(tiny, tmp_path):
    first = exported(tiny, tmp_path, "tiny")
    written = (first / GRAPH).stat().st_mtime_ns
    assert exported(tiny, tmp_path, "tiny") == first
    assert (first / GRAPH).stat().st_mtime_ns == written
    assert [path.name for path in first.parent.iterdir()] == [first.name], "nothing half-made"


def test_an_export_takes_a_byte_a_weight(models_dir, tmp_path):
    export = exported(models_dir / SMOLLM2, tmp_path, SMOLLM2)
    checkpoint = (models_dir / SMOLLM2 / "model.safetensors").stat().st_size
    size = sum(file.stat().st_size for file in export.iterdir())
    assert 0.49 * checkpoint < size < 0.53 * checkpoint


def test_changed_weights_are_exported_anew(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    first = exported(folder, tmp_path, "tiny")
    (folder / "model.safetensors").touch()
    assert exported(folder, tmp_path, "tiny") != first


def test_a_damaged_weight_file_is_named_and_leaves_nothing(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ModelError, match="damaged") as raised:
        exported(folder, tmp_path / "models", "tiny")
    assert "ragapp models pull tiny" in raised.value.fix
    assert list((tmp_path / "models" / ".openvino").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model_type": "gpt2"}, "gpt2"),
        ({"use_sliding_window": True, "sliding_window": 8}, "sliding"),
    ],
)
def test_what_cannot_be_exported_is_said_beforehand(tiny, tmp_path, change, named):
    folder = shutil.copytree(tiny, tmp_path / "model")
    assert cannot_export(folder, "tiny") is None
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    assert named in cannot_export(folder, "tiny").why


def test_a_folder_without_safetensors_is_said_beforehand(tiny, tmp_path):
    shutil.copyfile(tiny / "config.json", tmp_path / "config.json")
    assert "safetensors" in cannot_export(tmp_path, "tiny").why
