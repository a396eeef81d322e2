"""Attention by sequence gives what torch's own gives, and leaves out the padding."""

from types import SimpleNamespace

import pytest
import torch

from ragapp.embedding.attention import attend

BATCH, HEADS, TOKENS, D = 3, 4, 17, 32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lengths", [(17, 17, 17), (17, 9, 1)])
def test_it_agrees_with_torchs_kernel_on_real_tokens(dtype, lengths):
    torch.manual_seed(0)
    q, k, v = (torch.randn(BATCH, HEADS, TOKENS, D).to(dtype) for _ in range(3))
    mask = torch.arange(TOKENS)[None, :] < torch.tensor(lengths)[:, None]
    mask = mask[:, None, None, :].expand(BATCH, 1, TOKENS, TOKENS)
    ours, weights = attend(SimpleNamespace(), q, k, v, mask, scaling=D**-0.5)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        q.float(), k.float(), v.float(), attn_mask=mask
    ).transpose(1, 2)
    tolerance = 1e-5 if dtype is torch.float32 else 2e-2
    assert weights is None
    for row, n in enumerate(lengths):
        torch.testing.assert_close(ours[row, :n].float(), theirs[row, :n], atol=tolerance, rtol=0)
        assert not ours[row, n:].any()


def test_no_mask_means_no_padding():
    q, k, v = (torch.randn(BATCH, HEADS, TOKENS, D) for _ in range(3))
    ours, _ = attend(SimpleNamespace(), q, k, v, None)
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
