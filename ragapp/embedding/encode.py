"""The encoder: texts to hidden states in batches sorted by length, and on to vectors.

One forward pass serves a passage and all its sentences: token states are averaged over the whole
text for the passage vector and over each sentence's span for contextual sentence vectors.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragapp.embedding.pool import Pooling, pool, span_weights, token_states
from ragapp.embedding.whiten import unit
from ragapp.errors import Cancelled, ModelError
from ragapp.types import CancelCheck, Span, never_cancel
from ragapp.untyped import EncoderModel, Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, dtype

logger = logging.getLogger(__name__)

# Padded tokens in one batch. On 2 cores, 350-token passages: see benchmarks/embedding_speed.py.
BATCH_TOKENS = 2048
# Decoder models declare contexts of 32k and more; a passage is never that long.
LONGEST_INPUT = 8192
POOLER_FAMILIES = {"bert", "roberta", "xlm-roberta", "camembert", "ernie"}


@dataclass(frozen=True, slots=True)
class Passage:
    """What is encoded for a chunk: ``context`` (title and headings), then ``text``.

    ``sentences`` are spans of ``text``.
    """

    text: str
    context: str = ""
    sentences: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedPassage:
    """``vector``: (d,) float32; ``sentences``: (n, d) float32, all-zero rows were cut off."""

    vector: NDArray[np.float32]
    sentences: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class HiddenBatch:
    """Hidden states of some of the texts given.

    rows: which texts; hidden_states: layers + 1 of (batch, tokens, d); mask: (batch, tokens);
    offsets: for each text the character span of each token, special tokens (0, 0).
    """

    rows: list[int]
    hidden_states: tuple[Tensor, ...]
    mask: Tensor
    pooler_output: Tensor | None
    offsets: list[list[tuple[int, int]]]


class Encoder:
    """A BERT-like encoder or a decoder model, with one pooling. Safe to share between threads."""

    def __init__(
        self,
        model: EncoderModel,
        tokenizer: Tokenizer,
        pooling: Pooling,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        native_modules: Sequence[Any] = (),
    ) -> None:
        self.pooling = pooling
        self.query_prefix = query_prefix
        self.passage_prefix = passage_prefix
        self.max_tokens = _token_limit(model, tokenizer)
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # truncation is a state of the tokenizer
        self._native_modules = tuple(native_modules)
        self.dimension = self._measure_dimension()

    @classmethod
    def load(
        cls,
        folder: Path,
        pooling: Pooling,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        device: str = "cpu",
        dtype: dtype | None = None,
        trust_remote_code: bool = False,
    ) -> Encoder:
        """Load weights and tokenizer from a local folder.

        Raises:
            ModelError: the folder holds no usable model, or the pooling needs a part it lacks.
        """
        import torch
        from safetensors import SafetensorError
        from transformers import AutoTokenizer

        dtype = dtype or torch.float32
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
            model, native = _load_model(folder, pooling, dtype, device, trust_remote_code)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(
                "embedding_model_unreadable", folder=folder, reason=str(error)
            ) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"
        return cls(
            model.to(device).eval(),
            tokenizer,
            pooling,
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
            native_modules=native,
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without special tokens."""
        if not texts:
            return []
        with self._tokenizing:
            encoded = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        rows = encoded["input_ids"]
        return [len(row) for row in rows]

    def hidden_batches(
        self, texts: Sequence[str], batch_tokens: int = BATCH_TOKENS
    ) -> Iterator[HiddenBatch]:
        """Run the model over the texts, longest first, in batches of similar length.

        Texts longer than ``max_tokens`` are cut there; the callers keep chunks below it.
        """
        import torch

        if not texts:
            return
        with self._tokenizing:
            encoded = self._tokenizer(
                list(texts),
                truncation=True,
                max_length=self.max_tokens,
                return_offsets_mapping=True,
            )
        lengths = [len(row) for row in encoded["input_ids"]]
        device = self._model.device
        for rows in _batches(lengths, batch_tokens):
            padded = self._tokenizer.pad(
                {
                    "input_ids": [encoded["input_ids"][r] for r in rows],
                    "attention_mask": [encoded["attention_mask"][r] for r in rows],
                },
                return_tensors="pt",
            ).to(device)
            with torch.inference_mode():
                output = self._model(**padded, output_hidden_states=True)
            yield HiddenBatch(
                rows=rows,
                hidden_states=output.hidden_states,
                mask=padded["attention_mask"],
                pooler_output=getattr(output, "pooler_output", None),
                offsets=[encoded["offset_mapping"][r] for r in rows],
            )

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode questions. Returns (n, d) float32, unit length."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for batch in self.hidden_batches([self.query_prefix + text for text in texts]):
            vectors[batch.rows] = self._pooled(batch).cpu().numpy()
        return unit(vectors)

    def encode_passages(
        self, passages: Sequence[Passage], cancel: CancelCheck = never_cancel
    ) -> Iterator[tuple[int, EncodedPassage]]:
        """Encode passages and their sentences in one pass each, as batches finish.

        Yields (row, encoded) in no particular order; vectors are of unit length.

        Raises:
            Cancelled: ``cancel`` said so between two batches.
        """
        heads = [self.passage_prefix + (p.context + "\n" if p.context else "") for p in passages]
        texts = [head + passage.text for head, passage in zip(heads, passages, strict=True)]
        for batch in self.hidden_batches(texts):
            if cancel():
                raise Cancelled("embedding_stopped")
            vectors = unit(self._pooled(batch).cpu().numpy())
            spans = [
                [(s.start + len(heads[r]), s.end + len(heads[r])) for s in passages[r].sentences]
                for r in batch.rows
            ]
            sentences = self._sentence_vectors(batch, spans)
            for row, vector, rows in zip(batch.rows, vectors, sentences, strict=True):
                yield row, EncodedPassage(vector, rows)

    def _pooled(self, batch: HiddenBatch) -> Tensor:
        if self.pooling is not Pooling.NATIVE:
            return pool(batch.hidden_states, batch.mask, self.pooling, batch.pooler_output)
        features = {
            "token_embeddings": batch.hidden_states[-1].float(),
            "attention_mask": batch.mask,
        }
        for module in self._native_modules:
            features = module(features)
        return features["sentence_embedding"].float()

    def _sentence_vectors(
        self, batch: HiddenBatch, spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[NDArray[np.float32]]:
        states = token_states(batch.hidden_states, self.pooling)
        vectors = []
        for row, row_spans in enumerate(spans):
            if not row_spans:
                vectors.append(np.zeros((0, states.shape[-1]), np.float32))
                continue
            weights = states.new_tensor(
                span_weights(batch.offsets[row], row_spans, states.shape[1])
            )
            vectors.append(unit((weights @ states[row]).float().cpu().numpy()))
        return vectors

    def _measure_dimension(self) -> int:
        batch = next(self.hidden_batches(["a"]))
        return int(self._pooled(batch).shape[-1])


def _load_model(
    folder: Path, pooling: Pooling, dtype: dtype, device: str, trust_remote_code: bool
) -> tuple[Any, Sequence[Any]]:
    """Return the model and, for native pooling, the sentence-transformers modules after it."""
    import torch
    from transformers import AutoConfig, AutoModel

    from ragapp.embedding import attention

    if pooling is Pooling.NATIVE:
        if not (folder / "modules.json").is_file():
            raise ModelError("embedding_model_declares_no_pooling", folder=folder)
        from sentence_transformers import SentenceTransformer

        declared = SentenceTransformer(
            str(folder),
            device=device,
            model_kwargs={"dtype": dtype},
            trust_remote_code=trust_remote_code,
        )
        modules = list(declared)
        for module in modules[1:]:
            module.float()  # the head is tiny, and its input arrives in float32
        return modules[0].auto_model, modules[1:]
    config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    options: dict[str, Any] = {}
    if config.model_type in POOLER_FAMILIES:  # others would not know the argument
        options["add_pooling_layer"] = pooling is Pooling.POOLER
        if device == "cpu" and dtype is torch.bfloat16 and not config.is_decoder:
            options["attn_implementation"] = attention.register()
    model, info = AutoModel.from_pretrained(
        folder,
        config=config,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        output_loading_info=True,
        **options,
    )
    has_pooler = getattr(model, "pooler", None) is not None
    missing = not has_pooler or any("pooler" in key for key in info["missing_keys"])
    if missing and pooling is Pooling.POOLER:
        raise ModelError("embedding_model_has_no_pooler", folder=folder)
    return model, ()


def _token_limit(model: EncoderModel, tokenizer: Tokenizer) -> int:
    """Return the most tokens, special ones included, that the model takes."""
    positions = getattr(model.config, "max_position_embeddings", LONGEST_INPUT)
    # RoBERTa-like models number positions from padding_idx + 1.
    if model.config.model_type in {"roberta", "xlm-roberta", "camembert"}:
        positions -= 2
    return int(min(positions, tokenizer.model_max_length, LONGEST_INPUT))


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Group rows of similar length so that a padded batch holds at most ``batch_tokens``."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
