"""A decoder's layers as an OpenVINO graph, built straight from its transformers checkpoint.

Covers the shape that Llama, Mistral, Qwen2, Qwen3, GLM and GLM-4 share: RMS norm, rotary
positions, grouped-query attention, a gated feed-forward layer. The keys and values are kept as
variables of the graph, in the arrangement that OpenVINO's paged attention recognises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from ragapp.errors import SettingsError
from ragapp.untyped import Configuration, Node

if TYPE_CHECKING:
    import openvino
    import torch

SUPPORTED = ("llama", "mistral", "qwen2", "qwen3", "glm", "glm4")
"""``model_type`` of the configurations that ``build_graph`` can draw."""
INTERLEAVED_ROTARY = ("glm", "glm4")
FIXED_ROTARY = ("default", "linear", "llama3", "yarn")
"""Rotary scalings whose frequencies do not depend on the length of the prompt."""
MASKED = -65504.0  # the lowest float16
LAST = 2**63 - 1
SMALLEST_SCALE = 1e-8


class WeightFormat(StrEnum):
    """How weight matrices are stored; ``float32`` is there to compare with."""

    INT8 = "int8"
    FLOAT32 = "float32"


def unsupported(config: Configuration, name: str) -> SettingsError | None:
    """Return why a model cannot be drawn, None when it can; name: the model's, for the error."""
    if config.model_type not in SUPPORTED:
        return SettingsError(
            "openvino_architecture",
            name=name,
            architecture=config.model_type,
            known=", ".join(SUPPORTED),
        )
    scaling = (config.rope_parameters or {}).get("rope_type", "default")
    if scaling not in FIXED_ROTARY:
        return SettingsError("openvino_rotary_scaling", name=name, scaling=scaling)
    windowed = getattr(config, "use_sliding_window", True)
    if windowed and getattr(config, "sliding_window", None):
        return SettingsError("openvino_sliding_window", name=name)
    return None


def build_graph(
    config: Configuration,
    weight: Callable[[str], torch.Tensor],
    names: Sequence[str],
    weight_format: WeightFormat,
) -> openvino.Model:
    """Draw the graph: input_ids, attention_mask, position_ids, beam_idx → logits.

    weight: returns the tensor of a name of the checkpoint. names: all names there are.
    """
    return _Graph(config, weight, frozenset(names), weight_format).model()


class _Graph:
    """The nodes shared by the layers, and how to draw one layer."""

    def __init__(
        self,
        config: Configuration,
        weight: Callable[[str], torch.Tensor],
        names: frozenset[str],
        weight_format: WeightFormat,
    ) -> None:
        from openvino import opset6, opset13

        self.op, self.variables = opset13, opset6
        self.config, self.weight, self.names = config, weight, names
        self.format = weight_format
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        declared = getattr(config, "head_dim", None)
        self.head_dim: int = declared or config.hidden_size // config.num_attention_heads
        self.frequencies, self.rotary_scale = rotary_frequencies(config)
        self.rotary_dim = 2 * len(self.frequencies)
        self.sinks: list[Node] = []

    def model(self) -> openvino.Model:
        """Draw everything."""
        import openvino

        op = self.op
        inputs = [
            self._input("input_ids", 2, openvino.Type.i64),
            self._input("attention_mask", 2, openvino.Type.i64),
            self._input("position_ids", 2, openvino.Type.i64),
            self._input("beam_idx", 1, openvino.Type.i32),
        ]
        ids, attention_mask, positions, self.beam_idx = inputs
        self.batch = op.gather(op.shape_of(ids), self._ints(0), self._int(0))
        self.cos, self.sin = self._rotary(positions)
        self.mask = self._causal_mask(attention_mask, positions)

        embedding = self._matrix("model.embed_tokens.weight")
        hidden = op.gather(embedding, op.convert(ids, "i32"), self._int(0))
        for layer in range(self.config.num_hidden_layers):
            hidden = self._layer(hidden, layer)
        hidden = self._norm(hidden, "model.norm")
        tied = "lm_head.weight" not in self.names
        head = embedding if tied else self._matrix("lm_head.weight")
        logits = op.result(op.matmul(hidden, head, False, True))
        logits.output(0).set_names({"logits"})
        return openvino.Model([logits], self.sinks, inputs, self.config.model_type)

    def _layer(self, hidden: Node, layer: int) -> Node:
        op, name = self.op, f"model.layers.{layer}."
        after_attention, before_mlp, after_mlp = (
            ("post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")
            if self.config.model_type == "glm4"
            else (None, "post_attention_layernorm", None)
        )
        attended = self._attention(self._norm(hidden, name + "input_layernorm"), layer)
        if after_attention:
            attended = self._norm(attended, name + after_attention)
        hidden = op.add(hidden, attended)
        fed = self._mlp(self._norm(hidden, name + before_mlp), name + "mlp.")
        if after_mlp:
            fed = self._norm(fed, name + after_mlp)
        return op.add(hidden, fed)

    def _attention(self, hidden: Node, layer: int) -> Node:
        op, name = self.op, f"model.layers.{layer}.self_attn."
        query = self._split_heads(self._linear(hidden, name + "q_proj", self.heads), self.heads)
        key = self._split_heads(self._linear(hidden, name + "k_proj", self.kv_heads), self.kv_heads)
        value = self._split_heads(self._linear(hidden, name + "v_proj"), self.kv_heads)
        if name + "q_norm.weight" in self.names:
            query, key = self._norm(query, name + "q_norm"), self._norm(key, name + "k_norm")
        past = f"past_key_values.{layer}."
        key = self._cached(self._rotate(key), past + "key")
        value = self._cached(value, past + "value")
        attended = op.scaled_dot_product_attention(
            self._rotate(query), self._repeated(key), self._repeated(value), self.mask
        )
        joined = op.reshape(
            op.transpose(attended, self._ints(0, 2, 1, 3)), self._ints(0, 0, -1), True
        )
        return self._linear(joined, name + "o_proj")

    def _mlp(self, hidden: Node, name: str) -> Node:
        op = self.op
        if name + "gate_up_proj.weight" in self.names:
            packed = self.weight(name + "gate_up_proj.weight")
            gate, up = (op.matmul(hidden, self._compressed(half), False, True)
                        for half in packed.chunk(2))  # fmt: skip
        else:
            gate = self._linear(hidden, name + "gate_proj")
            up = self._linear(hidden, name + "up_proj")
        return self._linear(op.multiply(op.swish(gate), up), name + "down_proj")

    def _linear(self, hidden: Node, name: str, rotated_heads: int = 0) -> Node:
        """Draw a linear layer; ``rotated_heads``: its outputs in the order ``_rotate`` wants."""
        weight = self._rotary_order(self.weight(name + ".weight"), rotated_heads)
        result = self.op.matmul(hidden, self._compressed(weight), False, True)
        if name + ".bias" in self.names:
            bias = self._rotary_order(self.weight(name + ".bias"), rotated_heads)
            result = self.op.add(result, _plain(bias.reshape(1, 1, -1)))
        return result

    def _norm(self, hidden: Node, name: str) -> Node:
        op, epsilon = self.op, self.config.rms_norm_eps
        mean = op.reduce_mean(op.power(hidden, self._float(2.0)), self._ints(-1), True)
        scale = op.divide(self._float(1.0), op.sqrt(op.add(mean, self._float(epsilon))))
        return op.multiply(op.multiply(hidden, scale), _plain(self.weight(name + ".weight")))

    def _rotary(self, positions: Node) -> tuple[Node, Node]:
        op = self.op
        column = _plain(self.frequencies.reshape(1, -1, 1))
        one = self._ints(1)
        column = op.broadcast(
            column, op.concat([self.batch, one, one], 0), broadcast_spec="BIDIRECTIONAL"
        )
        row = op.convert(op.unsqueeze(positions, self._int(1)), "f32")
        angles = op.transpose(op.matmul(column, row, False, False), self._ints(0, 2, 1))
        angles = op.concat([angles, angles], -1)
        scale = self._float(self.rotary_scale)
        cos, sin = op.cos(angles), op.sin(angles)
        if self.rotary_scale != 1.0:
            cos, sin = op.multiply(cos, scale), op.multiply(sin, scale)
        return op.unsqueeze(cos, self._int(1)), op.unsqueeze(sin, self._int(1))

    def _rotate(self, heads: Node) -> Node:
        op, dim = self.op, self.rotary_dim
        turned = heads if dim == self.head_dim else self._part(heads, 0, dim)
        second = op.multiply(self._part(turned, dim // 2, LAST), self._float(-1.0))
        crossed = op.concat([second, self._part(turned, 0, dim // 2)], -1)
        turned = op.add(op.multiply(turned, self.cos), op.multiply(crossed, self.sin))
        if dim == self.head_dim:
            return turned
        return op.concat([turned, self._part(heads, dim, LAST)], -1)

    def _rotary_order(self, rows: torch.Tensor, heads: int) -> torch.Tensor:
        """Sort a head's rows so that the partners of a rotation lie half a rotation apart.

        Queries and keys are sorted alike, so their products stay what they were.
        """
        import torch

        if not heads or self.config.model_type not in INTERLEAVED_ROTARY:
            return rows
        order = torch.arange(self.head_dim)
        order[: self.rotary_dim] = torch.cat(
            [torch.arange(0, self.rotary_dim, 2), torch.arange(1, self.rotary_dim, 2)]
        )
        return rows.reshape(heads, self.head_dim, -1)[:, order].reshape(rows.shape)

    def _causal_mask(self, attention_mask: Node, positions: Node) -> Node:
        op = self.op
        length = op.squeeze(op.gather(op.shape_of(attention_mask), self._ints(1), self._int(0)),
                            self._int(0))  # fmt: skip
        keys = op.reshape(op.range(self._int(0), length, self._int(1), "i64"),
                          self._ints(1, 1, 1, -1), False)  # fmt: skip
        later = op.greater(keys, op.unsqueeze(positions, self._ints(1, 3)))
        padding = op.equal(op.unsqueeze(attention_mask, self._ints(1, 2)), self._int(0))
        return op.select(op.logical_or(later, padding), self._float(MASKED), self._float(0.0))

    def _cached(self, new: Node, name: str) -> Node:
        """Put new keys or values behind those of the variable ``name``, (batch, heads, n, dim)."""
        import openvino

        op, sizes = self.op, (self.kv_heads, 0, self.head_dim)
        shape = openvino.PartialShape([-1, self.kv_heads, -1, self.head_dim])
        empty = op.broadcast(self._float(0.0), op.concat([self.batch, *map(self._ints, sizes)], 0))
        before = self.variables.read_value(empty, name, openvino.Type.f32, shape)
        both = op.concat([op.gather(before, self.beam_idx, self._int(0)), new], 2)
        self.sinks.append(self.variables.assign(both, name))
        return both

    def _repeated(self, heads: Node) -> Node:
        """Give every query head its own copy of the key or value head that it shares."""
        op, copies = self.op, self.heads // self.kv_heads
        if copies == 1:
            return heads
        size = op.shape_of(heads)
        front = op.gather(size, self._ints(0, 1), self._int(0))
        back = op.gather(size, self._ints(2, 3), self._int(0))
        shape = op.concat([front, self._ints(copies), back], 0)
        spread = op.broadcast(
            op.unsqueeze(heads, self._int(2)), shape, broadcast_spec="BIDIRECTIONAL"
        )
        return op.reshape(spread, self._ints(0, self.heads, -1, self.head_dim), True)

    def _split_heads(self, hidden: Node, heads: int) -> Node:
        op = self.op
        split = op.reshape(hidden, self._ints(0, 0, heads, self.head_dim), True)
        return op.transpose(split, self._ints(0, 2, 1, 3))

    def _matrix(self, name: str) -> Node:
        return self._compressed(self.weight(name))

    def _compressed(self, weight: torch.Tensor) -> Node:
        return _compressed(weight, self.format)

    def _part(self, node: Node, start: int, stop: int) -> Node:
        ints = self._ints
        return self.op.slice(node, ints(start), ints(stop), ints(1), ints(3))

    def _input(self, name: str, rank: int, kind: openvino.Type) -> Node:
        node = self.op.parameter([-1] * rank, kind)
        node.set_friendly_name(name)
        node.output(0).set_names({name})
        return node

    def _int(self, value: int) -> Node:
        import numpy as np

        return self.op.constant(np.array(value, dtype=np.int64))

    def _ints(self, *values: int) -> Node:
        import numpy as np

        return self.op.constant(np.array(values, dtype=np.int64))

    def _float(self, value: float) -> Node:
        import numpy as np

        return self.op.constant(np.array(value, dtype=np.float32))


def rotary_frequencies(config: Configuration) -> tuple[torch.Tensor, float]:
    """Return the angles a position (dim / 2,) float32, and what cosine and sine are scaled by."""
    import torch
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    parameters = config.rope_parameters
    kind = parameters.get("rope_type", "default")
    if kind != "default":
        frequencies, scale = ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"))
        return frequencies.float(), float(scale)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    dim = int(head_dim * parameters.get("partial_rotary_factor", 1.0))
    steps = torch.arange(0, dim, 2, dtype=torch.float32) / dim
    return 1.0 / parameters["rope_theta"] ** steps, 1.0


def _compressed(weight: torch.Tensor, weight_format: WeightFormat) -> Node:
    """Return a node with a weight matrix (outputs, inputs), as float32 to those who read it."""
    return _plain(weight) if weight_format is WeightFormat.FLOAT32 else _int8(weight.float())


def _plain(tensor: torch.Tensor) -> Node:
    """Return a float32 constant."""
    from openvino import opset13 as op

    return op.constant(tensor.float().contiguous().numpy())


def _int8(weight: torch.Tensor) -> Node:
    """Symmetric, one scale a row."""
    import torch
    from openvino import opset13 as op

    scale = (weight.abs().amax(1, keepdim=True) / 127).clamp_min(SMALLEST_SCALE)
    levels = torch.round(weight / scale).to(torch.int8)
    levels_f16 = op.convert(op.constant(levels.numpy()), "f16")
    return op.convert(op.multiply(levels_f16, op.constant(scale.half().numpy())), "f32")
