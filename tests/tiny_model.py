"""A chat model small enough to compute by hand: random weights, and a token for every byte."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ragapp.llm.tokenizers.template import TemplateTokenizer
from ragapp.llm.torch.engine import TorchEngine

END = "<|end|>"
TEMPLATE = (
    "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)


def byte_tokenizer() -> TemplateTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=END, chat_template=TEMPLATE
    )
    return TemplateTokenizer(tokenizer, "tiny", (tokenizer.eos_token_id,))


def tiny_llama(vocabulary: int = 257, seed: int = 0, **config) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.3,  # so that one token is clearly likelier than the next
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
        **config,
    )
    return LlamaForCausalLM(config).eval()


def tiny_engine(model=None, context_tokens: int = 1024, **config) -> TorchEngine:
    return TorchEngine(model or tiny_llama(**config), byte_tokenizer(), "tiny", context_tokens)


def reciting(text: str) -> LlamaForCausalLM:
    """A model that says a text of distinct bytes again and again, whatever it is asked."""
    model, tokenizer = tiny_llama(), byte_tokenizer()
    prompt_end, *ids = tokenizer.encode(":" + text)
    with torch.no_grad():
        for weights in model.model.layers.parameters():
            weights.zero_()
        model.lm_head.weight.zero_()
        for now, following in zip([prompt_end, *ids], [*ids, ids[0]], strict=True):
            model.lm_head.weight[following] += model.model.embed_tokens.weight[now]
    return model
