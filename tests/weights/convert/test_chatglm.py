"""Checkpoints of ChatGLM's own layout become transformers' GLM, and say the same numbers."""

import json
from pathlib import Path

import pytest
import torch
from chatglm_checkpoint import CONFIG, random_weights, write_checkpoint
from transformers import AutoModelForCausalLM, GenerationConfig, GlmForCausalLM

from ragapp.errors import Cancelled, ModelError, ModelMissing
from ragapp.types import Progress, Stage
from ragapp.weights.convert import chatglm
from ragapp.weights.convert.chatglm import chatglm_version, checkpoint_files, is_original_chatglm
from ragapp.weights.manifest import MANIFEST_FILE, read_manifest
from ragapp.weights.pull import pull, resolve

from ..hub_server import REPOSITORY, Hub


def convert_chatglm(original: Path, folder: Path, **options) -> None:
    files = checkpoint_files(original)
    chatglm.convert_chatglm(files, folder, item=original.name, **options)


def version_of(folder: Path) -> int:
    return chatglm_version(checkpoint_files(folder), folder.name)


IDS = [3, 17, 441, 5, 5, 90, 260, 7, 33, 120, 399]


def published_logits(weights, config, ids, angles):
    """The forward pass as the ChatGLM2 code states it; ``angles``: (position, pair) → radians."""
    heads, groups = config["num_attention_heads"], config["multi_query_group_num"]
    width, length = config["kv_channels"], len(ids)

    def norm(x, weight):
        mean_square = x.pow(2).mean(-1, keepdim=True)
        return weight * x / torch.sqrt(mean_square + config["layernorm_epsilon"])

    def rotate(x):  # (length, head, width): neighbours in the first half of each head turn
        pairs = x[..., : width // 2].reshape(length, -1, width // 4, 2)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        turned = torch.stack(
            (
                pairs[..., 0] * cos - pairs[..., 1] * sin,
                pairs[..., 1] * cos + pairs[..., 0] * sin,
            ),
            dim=-1,
        ).reshape(length, -1, width // 2)
        return torch.cat((turned, x[..., width // 2 :]), dim=-1)

    hidden = weights["transformer.embedding.word_embeddings.weight"][ids]
    future = torch.full((length, length), -torch.inf).triu(1)
    for number in range(config["num_layers"]):
        layer = {
            name.split(f"layers.{number}.")[1]: tensor
            for name, tensor in weights.items()
            if f"layers.{number}." in name
        }
        x = norm(hidden, layer["input_layernorm.weight"])
        mixed = x @ layer["self_attention.query_key_value.weight"].T
        mixed = mixed + layer["self_attention.query_key_value.bias"]
        query = rotate(mixed[:, : heads * width].reshape(length, heads, width))
        key = rotate(mixed[:, heads * width : -groups * width].reshape(length, groups, width))
        value = mixed[:, -groups * width :].reshape(length, groups, width)
        attended = []
        for head in range(heads):
            group = head // (heads // groups)
            scores = query[:, head] @ key[:, group].T / width**0.5 + future
            attended.append(scores.softmax(-1) @ value[:, group])
        hidden = hidden + torch.cat(attended, dim=-1) @ layer["self_attention.dense.weight"].T
        x = norm(hidden, layer["post_attention_layernorm.weight"])
        gate, up = (x @ layer["mlp.dense_h_to_4h.weight"].T).chunk(2, dim=-1)
        hidden = hidden + (gate / (1 + torch.exp(-gate)) * up) @ layer["mlp.dense_4h_to_h.weight"].T
    hidden = norm(hidden, weights["transformer.encoder.final_layernorm.weight"])
    return hidden @ weights["transformer.output_layer.weight"].T


def rotary_angles(length, base=10_000.0, divided_by=1.0):
    """Position times frequency, for the half of the head's 16 numbers that turns: 4 pairs."""
    positions = torch.arange(length) / divided_by
    return torch.outer(positions, base ** -(torch.arange(0, 8, 2) / 8))


def converted_logits(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    assert isinstance(model, GlmForCausalLM)
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0]


@pytest.mark.parametrize(
    ("version", "pickled", "rope_ratio", "angles"),
    [
        (3, False, None, rotary_angles(len(IDS))),
        (2, True, None, rotary_angles(len(IDS))),
        (3, False, 50, rotary_angles(len(IDS), base=500_000.0)),  # chatglm3-6b-32k
        (2, True, 4, rotary_angles(len(IDS), divided_by=4)),  # chatglm2-6b-32k
    ],
)
def test_the_converted_model_computes_the_published_equations(
    tmp_path: Path, version, pickled, rope_ratio, angles
) -> None:
    ratio = {"rope_ratio": rope_ratio} if rope_ratio else {}
    weights = write_checkpoint(tmp_path / "original", version, pickled=pickled, **ratio)
    convert_chatglm(tmp_path / "original", tmp_path / "converted")
    wanted = published_logits(weights, CONFIG, IDS, angles)
    assert wanted.std() > 0.5, "weights so small would agree by themselves"
    torch.testing.assert_close(converted_logits(tmp_path / "converted"), wanted, atol=1e-4, rtol=0)


def test_the_equations_of_this_test_see_every_part(tmp_path: Path) -> None:
    """A wrong rotation, or key and value exchanged, is far outside the tolerance above."""
    weights = random_weights(CONFIG)
    right = published_logits(weights, CONFIG, IDS, rotary_angles(len(IDS)))
    wrong = published_logits(weights, CONFIG, IDS, -rotary_angles(len(IDS)))
    assert (right - wrong).abs().max() > 0.1
    for name in weights:
        if name.endswith("query_key_value.bias"):
            weights[name] = weights[name].roll(32)
    wrong = published_logits(weights, CONFIG, IDS, rotary_angles(len(IDS)))
    assert (right - wrong).abs().max() > 0.1


def test_large_checkpoints_are_written_in_shards(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(chatglm, "SHARD_BYTES", 50_000)
    write_checkpoint(tmp_path / "original", shards=1)
    convert_chatglm(tmp_path / "original", tmp_path / "converted")
    shards = sorted(file.name for file in (tmp_path / "converted").glob("*.safetensors"))
    assert len(shards) > 3
    assert shards[0] == f"model-00001-of-{len(shards):05d}.safetensors"
    index = json.loads((tmp_path / "converted" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(shards)
    assert torch.isfinite(converted_logits(tmp_path / "converted")).all()


def test_precision_licence_and_tokenizer_are_kept(tmp_path: Path, monkeypatch) -> None:
    original, converted = tmp_path / "original", tmp_path / "converted"
    monkeypatch.setattr(
        "chatglm_checkpoint.random_weights",
        lambda config: {name: tensor.half() for name, tensor in random_weights(config).items()},
    )
    write_checkpoint(original)
    (original / "MODEL_LICENSE").write_text("the licence")
    convert_chatglm(original, converted)
    assert json.loads((converted / "config.json").read_text())["dtype"] == "float16"
    assert (converted / "MODEL_LICENSE").read_text() == "the licence"
    assert (converted / "tokenizer.model").read_bytes() == (
        original / "tokenizer.model"
    ).read_bytes()
    assert GenerationConfig.from_pretrained(converted).eos_token_id == [2]


def rewrite(file: Path, **changes) -> None:
    kept = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in kept.items() if value is not None}))


class TestVersion:
    """Both call themselves "chatglm"."""

    @pytest.fixture
    def nameless(self, tmp_path: Path) -> Path:
        write_checkpoint(tmp_path / "checkpoint")
        rewrite(tmp_path / "checkpoint" / "config.json", _name_or_path=None)
        rewrite(tmp_path / "checkpoint" / "tokenizer_config.json", name_or_path=None)
        return tmp_path / "checkpoint"

    @pytest.mark.parametrize("version", [2, 3])
    def test_is_read_off_the_name_in_its_files(self, tmp_path: Path, version) -> None:
        write_checkpoint(tmp_path / "mine", version)
        assert version_of(tmp_path / "mine") == version

    def test_role_tokens_are_chatglm3(self, nameless: Path) -> None:
        tokens = {
            str(64_794 + n): {"content": token, "special": True}
            for n, token in enumerate(chatglm.ROLES)
        }
        rewrite(nameless / "tokenizer_config.json", added_tokens_decoder=tokens)
        assert version_of(nameless) == 3

    def test_rounds_in_its_code_are_chatglm2(self, nameless: Path) -> None:
        (nameless / "tokenization_chatglm.py").write_text(
            'prompt += "[Round {}]"\nraise SystemExit'
        )
        assert version_of(nameless) == 2

    def test_the_folders_name_is_the_last_resort(self, nameless: Path) -> None:
        with pytest.raises(ModelError, match=r"ChatGLM2 or ChatGLM3.*its name begin with"):
            version_of(nameless)
        assert version_of(nameless.rename(nameless.with_name("chatglm2-6b-mine"))) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantization_bit": 4}, "quantised to 4 bits"),
        ({"pre_seq_len": 128}, "P-tuning"),
        ({"multi_query_attention": False}, "multi_query_attention"),
        ({"original_rope": False}, "original_rope"),
        ({"max_sequence_length": 2048}, "first ChatGLM-6B"),
        ({"_name_or_path": "THUDM/chatglm3-6b-base"}, "base model"),
        ({"kv_channels": None}, "kv_channels"),
        ({"num_layers": 3}, "tensors are missing: model.layers.2"),
        ({"hidden_size": 32}, "has the shape"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes, reason) -> None:
    write_checkpoint(tmp_path / "original")
    rewrite(tmp_path / "original" / "config.json", **changes)
    with pytest.raises(ModelError, match=reason):
        convert_chatglm(tmp_path / "original", tmp_path / "converted")


def test_glm_4_in_the_original_layout_is_pointed_to_its_other_form(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "glm-4-9b-chat")
    rewrite(tmp_path / "glm-4-9b-chat/tokenizer_config.json", tokenizer_class="ChatGLM4Tokenizer")
    with pytest.raises(ModelError, match="-hf"):
        convert_chatglm(tmp_path / "glm-4-9b-chat", tmp_path / "converted")


@pytest.mark.parametrize("pickled", [True, False])
def test_a_damaged_file_is_named(tmp_path: Path, pickled) -> None:
    write_checkpoint(tmp_path / "original", pickled=pickled)
    file = sorted((tmp_path / "original").glob("*-00002-of-00002.*"))[0]
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match=file.name):
        convert_chatglm(tmp_path / "original", tmp_path / "converted")


class Exploit:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "original", pickled=True)
    torch.save({"x": Exploit(tmp_path / "ran")}, tmp_path / "original" / "pytorch_model-0.bin")
    with pytest.raises(ModelError, match=r"pytorch_model-0\.bin"):
        convert_chatglm(tmp_path / "original", tmp_path / "converted")
    assert not (tmp_path / "ran").exists()


def test_it_stops_when_asked(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "original")
    with pytest.raises(Cancelled):
        convert_chatglm(tmp_path / "original", tmp_path / "converted", cancel=lambda: True)


def test_a_local_checkpoint_is_converted_once(tmp_path: Path) -> None:
    original, models = tmp_path / "my-chatglm3", tmp_path / "models"
    write_checkpoint(original)
    assert is_original_chatglm(original / "config.json")
    with pytest.raises(ModelMissing, match=r"ragapp models pull .*my-chatglm3"):
        resolve(str(original), models)
    folder = pull(str(original), models)
    assert folder.parent == models
    assert folder.name.startswith("my-chatglm3-")
    assert not is_original_chatglm(folder / "config.json")
    written = (folder / "config.json").stat().st_mtime_ns
    assert pull(str(original), models) == resolve(str(original), models) == folder
    assert (folder / "config.json").stat().st_mtime_ns == written
    write_checkpoint(original, layernorm_epsilon=1e-6)  # another one in the same place
    assert pull(str(original), models) != folder


@pytest.mark.parametrize("version", [2, 3])
def test_a_pulled_checkpoint_lands_converted(hub: Hub, tmp_path: Path, version) -> None:
    """ChatGLM2 was published as pickles only, ChatGLM3 as both."""
    write_checkpoint(tmp_path / "original", version, pickled=version == 2)
    hub.files = {file.name: file.read_bytes() for file in (tmp_path / "original").iterdir()}
    hub.files["configuration_chatglm.py"] = b"raise SystemExit('never run')"
    folder = pull(REPOSITORY, tmp_path / "models")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "glm"
    manifest = read_manifest(folder)
    assert manifest
    landed = {file.name for file in folder.iterdir()} - {MANIFEST_FILE}
    assert set(manifest.files) == landed
    assert {"model-00001-of-00001.safetensors", "tokenizer.model"} <= landed
    assert not [name for name in landed if name.endswith((".py", ".bin"))]
    assert not list((tmp_path / "models" / ".staging").iterdir())


def test_a_conversion_that_was_stopped_keeps_the_download(hub: Hub, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "original")
    hub.files = {file.name: file.read_bytes() for file in (tmp_path / "original").iterdir()}
    converting = []

    def watch(step: Progress) -> None:
        converting.append(step.stage is Stage.CONVERTING)

    with pytest.raises(Cancelled):
        pull(REPOSITORY, tmp_path / "models", watch, lambda: any(converting))
    asked = len(hub.ranges)
    pull(REPOSITORY, tmp_path / "models")
    assert len(hub.ranges) == asked


def test_pickles_under_a_false_flag_do_not_land(hub: Hub, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "original", pickled=True)
    hub.files = {file.name: file.read_bytes() for file in (tmp_path / "original").iterdir()}
    hub.files |= {"configuration_chatglm.py": b"", "config.json": b'{"model_type": "llama"}'}
    with pytest.raises(ModelError, match="pickled"):
        pull(REPOSITORY, tmp_path / "models")
    assert not [p for p in (tmp_path / "models").iterdir() if not p.name.startswith(".")]
