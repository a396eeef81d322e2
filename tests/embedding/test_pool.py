"""Poolings by their formulas, on tensors small enough to check by hand."""

import pytest
import torch

from ragapp.embedding.pool import Pooling, first_token, masked_mean, pool, span_weights

AVERAGES = [Pooling.MEAN, Pooling.FIRST_LAST_AVG, Pooling.LAST_TWO_AVG, Pooling.CLS]


@pytest.fixture
def states():
    """Three layers (embedding output and two) of one text of four tokens."""
    torch.manual_seed(0)
    return tuple(torch.randn(1, 4, 8) for _ in range(3))


def padded(states, side, by=3):
    """The same text in a longer batch; what stands in the padding is garbage."""
    garbage = [torch.full((1, by, 8), 1e4) for _ in states]
    parts = zip(garbage, states, strict=True)
    joined = [torch.cat([g, s] if side == "left" else [s, g], dim=1) for g, s in parts]
    ones, zeros = torch.ones(1, 4), torch.zeros(1, by)
    return joined, torch.cat([zeros, ones] if side == "left" else [ones, zeros], dim=1).long()


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pooling", AVERAGES)
def test_padding_never_leaks(states, pooling, side):
    alone = pool(states, torch.ones(1, 4).long(), pooling)
    assert torch.allclose(pool(*padded(states, side), pooling), alone, atol=1e-6)


def test_first_last_avg_is_the_mean_of_embedding_output_and_last_layer(states):
    by_hand = (states[0] + states[2])[0].sum(dim=0) / 2 / 4
    mask = torch.ones(1, 4).long()
    assert torch.allclose(pool(states, mask, Pooling.FIRST_LAST_AVG)[0], by_hand, atol=1e-6)


def test_last_two_avg_and_mean_by_hand(states):
    mask = torch.ones(1, 4).long()
    last_two = (states[1] + states[2])[0].sum(dim=0) / 2 / 4
    assert torch.allclose(pool(states, mask, Pooling.LAST_TWO_AVG)[0], last_two, atol=1e-6)
    assert torch.allclose(pool(states, mask, Pooling.MEAN)[0], states[2][0].mean(dim=0), atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_cls_is_the_first_real_token(states, side):
    joined, mask = padded(states, side)
    assert torch.equal(first_token(joined[-1], mask)[0], states[-1][0, 0])


def test_a_text_without_tokens_gives_zeros_not_nan(states):
    assert masked_mean(states[0], torch.zeros(1, 4).long()).tolist() == [[0.0] * 8]


def test_bfloat16_states_are_averaged_in_float32(states):
    low = tuple(state.bfloat16() for state in states)
    pooled = pool(low, torch.ones(1, 4).long(), Pooling.MEAN)
    assert pooled.dtype is torch.float32
    assert torch.allclose(pooled[0], low[-1][0].float().mean(dim=0), atol=1e-6)


def test_pooler_needs_the_model_s_pooler(states):
    with pytest.raises(ValueError, match="pooler output"):
        pool(states, torch.ones(1, 4).long(), Pooling.POOLER)


def test_span_weights_average_the_tokens_that_overlap_a_span():
    #          <s>     "ab"    "cd"    "ef"    </s>
    offsets = [(0, 0), (0, 2), (2, 4), (4, 6), (0, 0)]
    assert span_weights(offsets, [(0, 4), (4, 6)], 7) == [
        [0, 0.5, 0.5, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
    ]


def test_a_token_on_a_border_counts_for_both_spans():
    assert span_weights([(0, 2), (2, 6)], [(0, 3), (3, 6)], 2) == [[0.5, 0.5], [0, 1]]


def test_a_span_that_was_cut_off_weighs_nothing():
    assert span_weights([(0, 0), (0, 2), (0, 0)], [(5, 9)], 3) == [[0, 0, 0]]
    assert span_weights([], [(0, 1)], 0) == [[]]
