"""What the options say before any model is loaded."""

import pytest

from ragapp.errors import SettingsError
from ragapp.llm.engine import EngineKind
from ragapp.llm.options import ChatOptions


def test_an_address_alone_asks_for_the_endpoint():
    assert ChatOptions(endpoint="http://127.0.0.1:1/v1").kind is EngineKind.ENDPOINT
    assert ChatOptions().kind is EngineKind.AUTO


def test_a_named_engine_counts_more_than_an_address():
    assert ChatOptions(engine="torch", endpoint="http://127.0.0.1:1").kind is EngineKind.TORCH


@pytest.mark.parametrize("wrong", [{"engine": "steam"}, {"engine": "endpoint"}])
def test_a_wrong_value_says_what_to_set(wrong):
    with pytest.raises(SettingsError) as raised:
        _ = ChatOptions(**wrong).kind
    assert raised.value.fix


def test_one_model_is_trusted_by_name_and_no_other():
    assert ChatOptions(trust_remote_code="a").trusts("a")
    assert not ChatOptions(trust_remote_code="a").trusts("b")
    assert not ChatOptions().trusts("")


def test_the_key_is_in_no_representation():
    assert "sk-secret" not in repr(ChatOptions(endpoint_key="sk-secret"))
