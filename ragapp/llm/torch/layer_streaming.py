"""A model larger than memory: each layer's weights are read from disk just before it runs.

A forward pass needs one decoder layer at a time, a few rows of the embedding, and the output head
slice by slice. Two buffers take turns: while one block of weights computes, the next is read.
Files are read, not mapped, because mapped pages would count as memory of this process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import ModelError
from ragapp.llm.torch.checkpoint import TensorPlace, tensor_places
from ragapp.untyped import CausalLM, Layer

if TYPE_CHECKING:
    import torch

    Block = list[tuple[TensorPlace, torch.Tensor]]  # what is read together: from where, to where

DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}  # as safetensors and torch say
ALIGNMENT = 64  # bytes; torch lets its own tensors begin at multiples of it


def load_streamed(
    folder: Path,
    *,
    name: str,
    device: str,
    dtype: torch.dtype | None,
    trust_remote_code: bool = False,
) -> CausalLM:
    """Build a causal language model whose weights stay on disk; it generates like any other.

    In memory are two of its layers and its last norm, beside the cache and what a pass computes.
    It must follow Llama's plan: ``model.embed_tokens``, ``model.layers``, ``lm_head``.

    Raises:
        ModelError: it is built otherwise, or a tensor or a file is missing, damaged or cut short.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    places = tensor_places(folder, name)
    if not places:
        raise ModelError("streaming_no_safetensors", name=name, folder=folder)
    stored = next((place for place in places.values() if place.dtype in DTYPES), None)
    if stored is None:
        raise ModelError("streaming_no_floats", name=name, folder=folder)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            config,
            dtype=dtype or config.dtype or _dtype(stored),
            trust_remote_code=trust_remote_code,
        )
    kind = type(model).__name__
    for key, _ in model.named_parameters():
        if key in places and (place := places[key]).dtype not in DTYPES:
            raise ModelError(
                "streaming_stored_as", name=name, file=place.file, key=key, dtype=place.dtype
            )
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    try:
        stream_weights(model, places, torch.device(device), name)
    except KeyError as error:
        raise ModelError(
            "streaming_lacks", name=name, folder=folder, key=error.args[0], kind=kind
        ) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError("streaming_other_plan", name=name, kind=kind, reason=str(error)) from error
    return model.eval()


def stream_weights(
    model: CausalLM,
    places: Mapping[str, TensorPlace],
    device: torch.device,
    name: str,
) -> None:
    """Tie a model that was built on the meta device to the files of its weights.

    name: the model's, for errors.

    Raises:
        ModelError: its embedding, its head or a tensor differs from the plan.
        KeyError: a tensor is not in the files. AttributeError, TypeError, ValueError: the model
            does not follow the plan.
    """
    import torch
    from torch import nn

    inner, head = model.model, model.lm_head
    if (type(inner.embed_tokens), type(head)) != (nn.Embedding, nn.Linear):
        raise ModelError("streaming_own_embedding", name=name, kind=type(model).__name__)
    dtype = head.weight.dtype
    embedding = places["model.embed_tokens.weight"]
    output = places.get("lm_head.weight", embedding)  # tied, unless it is stored
    if not embedding.shape == output.shape == tuple(head.weight.shape):
        raise ModelError(
            "streaming_wrong_vocabulary",
            name=name,
            embedding=embedding.shape,
            head=output.shape,
            expected=tuple(head.weight.shape),
        )
    inner.embed_tokens.forward = StreamedEmbedding(embedding, dtype)
    del inner.embed_tokens.weight, head.weight

    sources = [
        {key: places[f"model.layers.{number}.{key}"] for key, _ in layer.named_parameters()}
        for number, layer in enumerate(inner.layers)
    ]
    layer_bytes = max(_room(source.values(), dtype) for source in sources)
    buffers = [torch.empty(layer_bytes, dtype=torch.uint8, device=device) for _ in range(2)]
    blocks: list[Block] = []
    reader = BlockReader(blocks)
    for number, (layer, source) in enumerate(zip(inner.layers, sources, strict=True)):
        targets = _carve(buffers[number % 2], source.values(), dtype)
        for key, (_, target) in zip(source, targets, strict=True):
            _put(layer, key, target, name)
        blocks.append(targets)
        layer.register_forward_pre_hook(partial(_before_layer, reader, number))
    slices = []
    for place in _slices(output, layer_bytes, dtype, even=len(blocks) % 2 == 0):
        block = _carve(buffers[len(blocks) % 2], [place], dtype)
        slices.append((len(blocks), block[0][1]))
        blocks.append(block)

    inner.rotary_emb = type(inner.rotary_emb)(config=model.config).to(device)
    for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_meta:
            resident = torch.empty(places[key].shape, dtype=tensor.dtype, device=device)
            read_tensor(places[key], resident)
            _put(model, key, resident, name)
    head.forward = StreamedHead(reader, slices, head.bias)


def _before_layer(reader: BlockReader, number: int, *_: object) -> None:
    """Have a layer's weights in place: a forward pre-hook."""
    reader.need(number)


class BlockReader:
    """Keeps the weights of the running block and of the one after it in memory.

    Block n lies in buffer n mod 2, which it shares with every other block of that parity.
    """

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks
        self._held: list[int | None] = [None, None]
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="layers")
        self._ahead: Future[None] | None = None

    def need(self, number: int) -> None:
        """Return when the weights of a block are in place; begin to read those of the next."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.result()
        self._read(number)
        following = (number + 1) % len(self._blocks)
        if following % 2 != number % 2:
            self._ahead = self._thread.submit(self._read, following)

    def _read(self, number: int) -> None:
        if self._held[number % 2] == number:
            return
        self._held[number % 2] = None  # until all of it is there
        for place, target in self._blocks[number]:
            read_tensor(place, target)
        self._held[number % 2] = number


class StreamedEmbedding:
    """Reads the rows of the ids it is asked for: (…) → (…, hidden)."""

    def __init__(self, place: TensorPlace, dtype: torch.dtype) -> None:
        self._place = place
        self._dtype = dtype

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        """Look up the embeddings of ids."""
        import torch

        tokens, where = torch.unique(ids, return_inverse=True)
        rows = torch.empty(len(tokens), *self._place.shape[1:], dtype=self._dtype)
        for row, token in enumerate(tokens.tolist()):
            read_tensor(_rows(self._place, token, token + 1), rows[row : row + 1])
        return rows.to(ids.device)[where]


class StreamedHead:
    """Computes logits by slices of the vocabulary: (…, hidden) → (…, vocabulary).

    ``slices``: the number of a block, and the rows of the weight that it holds.
    """

    def __init__(
        self,
        reader: BlockReader,
        slices: list[tuple[int, torch.Tensor]],
        bias: torch.Tensor | None,
    ) -> None:
        self._reader = reader
        self._slices = slices
        self._bias = bias

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits of hidden states."""
        from torch.nn import functional as F

        logits = hidden.new_empty(*hidden.shape[:-1], sum(len(rows) for _, rows in self._slices))
        start = 0
        for number, rows in self._slices:
            self._reader.need(number)
            stop = start + len(rows)
            bias = None if self._bias is None else self._bias[start:stop]
            logits[..., start:stop] = F.linear(hidden, rows, bias)
            start = stop
        return logits


def read_tensor(place: TensorPlace, target: torch.Tensor) -> None:
    """Read a tensor from its file into memory that is there already, converting where needed.

    Raises:
        ModelError: the file is gone, or ended before the tensor did.
    """
    import torch

    dtype = _dtype(place)
    direct = target.dtype == dtype and target.device.type == "cpu"
    tensor = target if direct else torch.empty(place.shape, dtype=dtype)
    rest = memoryview(tensor.view(-1).view(torch.uint8).numpy().data)
    try:
        with place.file.open("rb", buffering=0) as stream:
            stream.seek(place.offset)
            while rest:
                count = stream.readinto(rest)
                if not count:
                    raise ModelError("running_weights_cut_short", file=place.file)
                rest = rest[count:]
    except OSError as error:
        raise ModelError(
            "running_weights_unreadable", file=place.file, reason=str(error)
        ) from error
    if not direct:
        target.copy_(tensor)


def _dtype(place: TensorPlace) -> torch.dtype:
    import torch

    dtype: torch.dtype = getattr(torch, DTYPES[place.dtype])
    return dtype


def _rows(place: TensorPlace, start: int, stop: int) -> TensorPlace:
    """Return the place of the rows ``start`` to ``stop`` of a matrix."""
    row_bytes = math.prod(place.shape[1:]) * _dtype(place).itemsize
    offset = place.offset + start * row_bytes
    return replace(place, offset=offset, shape=(stop - start, *place.shape[1:]))


def _slices(
    place: TensorPlace, room: int, dtype: torch.dtype, *, even: bool
) -> Iterator[TensorPlace]:
    """Cut a matrix into an even or odd number of slices of rows that each fit into a buffer.

    Layers and slices together are even in number, so that the first layer is read while the last
    slice computes.
    """
    rows, columns = place.shape
    count = math.ceil(rows / max(1, room // (columns * dtype.itemsize)))
    if (count % 2 == 0) != even:
        count += 1
    for number in range(count):
        yield _rows(place, rows * number // count, rows * (number + 1) // count)


def _room(places: Iterable[TensorPlace], dtype: torch.dtype) -> int:
    """Return the bytes that tensors take in a buffer."""
    return sum(_aligned(math.prod(place.shape) * dtype.itemsize) for place in places)


def _carve(buffer: torch.Tensor, places: Iterable[TensorPlace], dtype: torch.dtype) -> Block:
    """Lay tensors into a buffer, one after another."""
    block = []
    start = 0
    for place in places:
        size = math.prod(place.shape) * dtype.itemsize
        block.append((place, buffer[start : start + size].view(dtype).view(place.shape)))
        start += _aligned(size)
    return block


def _aligned(size: int) -> int:
    return math.ceil(size / ALIGNMENT) * ALIGNMENT


def _put(module: Layer, key: str, tensor: torch.Tensor, name: str) -> None:
    """Make a tensor the parameter or buffer ``key`` (dotted) of a module of the model ``name``."""
    from torch import nn

    path, _, leaf = key.rpartition(".")
    owner = module.get_submodule(path)
    known = getattr(owner, leaf)
    if known.shape != tensor.shape:
        raise ModelError(
            "streaming_wrong_shape",
            name=name,
            key=key,
            shape=tuple(tensor.shape),
            expected=tuple(known.shape),
        )
    is_parameter = isinstance(known, nn.Parameter)
    setattr(owner, leaf, nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor)
