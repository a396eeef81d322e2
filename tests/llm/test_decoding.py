"""Which values of a Decoding go together."""

import math

import pytest

from ragapp.errors import SettingsError, UsageError
from ragapp.llm.decoding import PRESETS, Decoding, Mode

MODES = {
    Mode.GREEDY: {},
    Mode.SAMPLING: {"do_sample": True, "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.1,
                    "seed": 7},
    Mode.BEAM: {"num_beams": 4, "length_penalty": -0.5},
    Mode.DIVERSE_BEAM: {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 0.5},
    Mode.CONTRASTIVE: {"penalty_alpha": 0.6, "top_k": 4},
}  # fmt: skip


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_is_read_off_its_values(mode):
    decoding = Decoding(**MODES[mode])
    decoding.check()
    assert decoding.mode is mode


@pytest.mark.parametrize("mode", Mode)
def test_penalties_stop_strings_and_forbidden_words_go_with_every_mode(mode):
    Decoding(
        repetition_penalty=1.2,
        no_repeat_ngram_size=3,
        stop_strings=("\n\n", "问："),
        forbidden_words=("Paris", "大模型"),
        **MODES[mode],
    ).check()


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid_and_stream(preset):
    Decoding.preset(preset).check()
    assert Decoding.preset(preset).streams


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(SettingsError) as refusal:
        Decoding.preset("wild")
    assert "wild" in refusal.value.what
    assert all(name in refusal.value.fix for name in PRESETS)


def test_only_beams_do_not_stream():
    silent = {mode for mode in Mode if not Decoding(**MODES[mode]).streams}
    assert silent == {Mode.BEAM, Mode.DIVERSE_BEAM}


@pytest.mark.parametrize(
    "values",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": -3},
        {"num_beams": 0},
        {"num_beam_groups": 0},
        {"no_repeat_ngram_size": -1},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": math.nan},
        {"temperature": 0.0, "do_sample": True},
        {"temperature": -1.0, "do_sample": True},
        {"temperature": math.inf, "do_sample": True},
        {"top_k": 0, "do_sample": True},
        {"top_p": 0.0, "do_sample": True},
        {"top_p": 1.1, "do_sample": True},
        {"min_p": -0.1, "do_sample": True},
        {"min_p": 1.1, "do_sample": True},
        {"seed": -1, "do_sample": True},
        {"seed": 2**63, "do_sample": True},
        {"penalty_alpha": 0.0, "top_k": 4},
        {"penalty_alpha": 1.5, "top_k": 4},
        {"diversity_penalty": 0.0, "num_beams": 4, "num_beam_groups": 2},
        {"length_penalty": math.inf, "num_beams": 4},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_by_name(values):
    name, value = next(iter(values.items()))
    with pytest.raises(UsageError) as refusal:
        Decoding(**values).check()
    assert refusal.value.what == f"{name} {value}"
    assert refusal.value.why
    assert refusal.value.fix


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"temperature": 0.7}, ["temperature", "do_sample"]),
        ({"top_p": 0.9}, ["top_p", "do_sample"]),
        ({"min_p": 0.1}, ["min_p", "do_sample"]),
        ({"seed": 1}, ["seed", "do_sample"]),
        ({"top_k": 5}, ["top_k", "do_sample", "penalty_alpha"]),
        ({"do_sample": True, "num_beams": 2}, ["num_beams", "do_sample"]),
        ({"penalty_alpha": 0.6}, ["penalty_alpha", "top_k"]),
        ({"penalty_alpha": 0.6, "top_k": 1}, ["penalty_alpha", "top_k 1"]),
        ({"penalty_alpha": 0.6, "top_k": 4, "do_sample": True}, ["penalty_alpha", "do_sample"]),
        ({"penalty_alpha": 0.6, "top_k": 4, "num_beams": 2}, ["penalty_alpha", "num_beams"]),
        ({"num_beam_groups": 2, "diversity_penalty": 1.0}, ["num_beam_groups", "num_beams"]),
        (
            {"num_beams": 4, "num_beam_groups": 3, "diversity_penalty": 1.0},
            ["num_beam_groups 3", "num_beams 4", "multiple"],
        ),
        ({"num_beams": 4, "num_beam_groups": 2}, ["num_beam_groups", "diversity_penalty"]),
        (
            {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "do_sample": True},
            ["num_beams", "do_sample"],
        ),
        ({"num_beams": 4, "diversity_penalty": 1.0}, ["diversity_penalty", "num_beam_groups"]),
        ({"length_penalty": 2.0}, ["length_penalty", "num_beams"]),
        ({"stop_strings": ("\n", "")}, ["empty stop string"]),
        ({"forbidden_words": ("a", " ")}, ["empty forbidden word"]),
    ],
    ids=str,
)
def test_values_that_do_not_go_together_are_refused_by_name(values, named):
    with pytest.raises(UsageError) as refusal:
        Decoding(**values).check()
    for name in named:
        assert name in str(refusal.value)
