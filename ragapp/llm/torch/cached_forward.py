"""A model's forward pass with its key-value cache: the prompt once, then a token at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragapp.untyped import CausalLM, ModelInput, ModelOutput

if TYPE_CHECKING:
    import torch

PER_ROW = ("attention_mask", "position_ids")


class CachedForward:
    """The forward passes of one generation, for decoding loops that ``generate`` hands over to.

    ``inputs`` is what ``generate`` has prepared for the model beside the ids: the attention mask
    (rows, prompt length; None where nothing is padded), position ids, and an empty cache. Results
    are the model's outputs: ``logits`` (rows, tokens, vocabulary), ``hidden_states`` if asked for.
    ``every``: of so many rows that follow one another only the first is read.
    """

    def __init__(self, model: CausalLM, inputs: dict[str, ModelInput], every: int = 1) -> None:
        self._model = model
        self._inputs = dict(inputs)
        for name in PER_ROW:
            if self._inputs.get(name) is not None:
                self._inputs[name] = self._inputs[name][::every]

    def prompt(self, ids: torch.Tensor) -> ModelOutput:
        """Read the prompts ``ids`` (rows, length)."""
        return self._read(ids)

    def next(self, tokens: torch.Tensor) -> ModelOutput:
        """Read one more token a row, ``tokens`` (rows,)."""
        import torch

        inputs = self._inputs
        if inputs.get("attention_mask") is not None:
            mask = inputs["attention_mask"]
            inputs["attention_mask"] = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)
        if inputs.get("position_ids") is not None:
            inputs["position_ids"] = inputs["position_ids"][..., -1:] + 1
        return self._read(tokens[:, None])

    def repeat(self, times: int) -> None:
        """Make every row into ``times`` equal rows, one after another."""
        self._inputs["past_key_values"].batch_repeat_interleave(times)
        for name in PER_ROW:
            if self._inputs.get(name) is not None:
                self._inputs[name] = self._inputs[name].repeat_interleave(times, dim=0)

    def select(self, rows: torch.Tensor) -> None:
        """Go on with the given rows; numbers may repeat."""
        self._inputs["past_key_values"].reorder_cache(rows)
        for name in PER_ROW:
            if self._inputs.get(name) is not None:
                self._inputs[name] = self._inputs[name][rows]

    def _read(self, ids: torch.Tensor) -> ModelOutput:
        outputs = self._model(input_ids=ids, return_dict=True, **self._inputs)
        self._inputs["past_key_values"] = outputs.past_key_values
        return outputs
