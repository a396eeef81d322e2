"""Which engine runs a model: the settings' word, else whatever is fastest and can do it."""

import pytest
import torch
from fixtures import SMOLLM2

from ragapp import paths
from ragapp.errors import SettingsError
from ragapp.llm.load import EngineKind, engine_kind, load_local
from ragapp.llm.openvino.engine import OpenVinoEngine
from ragapp.llm.torch.engine import TorchEngine
from ragapp.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(models=tmp_path_factory.mktemp("models")).having(context_tokens=1024)


def load(settings, models_dir, device="cpu"):
    return load_local(settings, models_dir / SMOLLM2, SMOLLM2, device, torch.float32)


@pytest.mark.parametrize(("name", "engine"), [("torch", TorchEngine), ("openvino", OpenVinoEngine)])
def test_the_setting_decides(settings, models_dir, name, engine):
    loaded = load(settings.having(engine=name), models_dir)
    assert isinstance(loaded, engine)
    assert loaded.context_tokens == 1024


def test_auto_takes_the_faster_one_and_remembers_which(settings, models_dir):
    loaded = load(settings, models_dir)
    probe = paths.engine_probe(settings.models)
    remembered = probe.read_text()
    fastest = OpenVinoEngine if float(remembered.split(":")[-1].strip(" }\n")) < 1 else TorchEngine
    assert isinstance(loaded, fastest)
    probe.write_text(remembered.rsplit(":", 1)[0] + ": 1.5}")
    assert isinstance(load(settings, models_dir), TorchEngine), "read, not timed again"


@pytest.mark.parametrize(
    ("change", "named"), [({"low_memory": True}, "low_memory"), ({"adapter": "a"}, "adapter")]
)
def test_openvino_refuses_by_name_what_only_torch_can(settings, models_dir, change, named):
    with pytest.raises(SettingsError, match=named):
        load(settings.having(engine="openvino", **change), models_dir)


def test_an_address_alone_asks_for_the_endpoint():
    assert engine_kind(Settings().having(endpoint="http://127.0.0.1:1/v1")) is EngineKind.ENDPOINT
    assert engine_kind(Settings()) is EngineKind.AUTO


@pytest.mark.parametrize("wrong", [{"engine": "steam"}, {"engine": "endpoint"}])
def test_a_wrong_setting_says_what_to_set(wrong):
    with pytest.raises(SettingsError) as raised:
        engine_kind(Settings().having(**wrong))
    assert raised.value.fix
