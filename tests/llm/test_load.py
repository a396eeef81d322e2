"""Which engine runs a model: the options' word, else whatever is fastest and can do it."""

from dataclasses import replace

import pytest
import torch
from fixtures import SMOLLM2

from ragapp import paths
from ragapp.errors import EngineError, SettingsError
from ragapp.llm.load import load, load_endpoint
from ragapp.llm.openvino.engine import OpenVinoEngine
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.engine import TorchEngine


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return ChatOptions(
        models=tmp_path_factory.mktemp("models"), dtype=torch.float32, context_tokens=1024
    )


@pytest.mark.parametrize(("name", "engine"), [("torch", TorchEngine), ("openvino", OpenVinoEngine)])
def test_the_options_decide(options, models_dir, name, engine):
    loaded = load(models_dir / SMOLLM2, SMOLLM2, replace(options, engine=name))
    assert isinstance(loaded, engine)
    assert loaded.kind == name
    assert loaded.context_tokens == 1024


def test_auto_takes_the_faster_one_and_remembers_which(options, models_dir):
    folder = models_dir / SMOLLM2
    loaded = load(folder, SMOLLM2, options)
    probe = paths.engine_probe(options.models)
    remembered = probe.read_text()
    fastest = OpenVinoEngine if float(remembered.split(":")[-1].strip(" }\n")) < 1 else TorchEngine
    assert isinstance(loaded, fastest)
    probe.write_text(remembered.rsplit(":", 1)[0] + ": 1.5}")
    assert isinstance(load(folder, SMOLLM2, options), TorchEngine), "read, not timed again"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"low_memory": True}, "low_memory"),
        ({"adapter": "a"}, "adapter"),
        ({"quantization": "int8"}, "quantization"),
        ({"device": "cuda"}, "cuda"),
    ],
)
def test_openvino_refuses_by_name_what_only_torch_can(options, models_dir, change, named):
    with pytest.raises(SettingsError, match=named):
        load(models_dir / SMOLLM2, SMOLLM2, replace(options, engine="openvino", **change))


def test_an_endpoint_is_asked_which_model_it_has():
    with pytest.raises(EngineError, match="nothing is listening"):
        load_endpoint(ChatOptions(endpoint="http://127.0.0.1:9"))
