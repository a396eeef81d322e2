"""What the tests of several packages share: real models, loaded once, and a real knowledge base."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import torch

from ragapp.embedding.encode import Encoder
from ragapp.embedding.pool import Pooling
from ragapp.errors import ModelMissing
from ragapp.ingest import Status, ingest
from ragapp.library import Library, OpenKnowledgeBase
from ragapp.llm.decoding import Decoding
from ragapp.llm.engine import ChatEngine
from ragapp.llm.options import ChatOptions
from ragapp.llm.torch.engine import TorchEngine
from ragapp.models import Models
from ragapp.people import LOCAL
from ragapp.settings import Settings
from ragapp.types import Evidence, ScoredSentence

E5 = "multilingual-e5-small"
SMOLLM2 = "SmolLM2-135M-Instruct"
SAMPLE_DOCS = Path(__file__).parents[1] / "sample_docs"
INDEXED = (
    "sentence-vectors-and-pooling.md",
    "faiss-indexes.txt",
    "大模型对话格式.md",
    "繁體中文檢索.txt",
    "句向量与白化.pdf",
)


def models_folder() -> Path:
    """Return where the tests keep weights."""
    default = Path("~/.cache/ragapp/test-models")
    return Path(os.environ.get("TEST_MODELS_DIR") or default).expanduser()


@functools.cache
def e5(models: Path, pooling: Pooling) -> Encoder:
    return Encoder.load(models / E5, pooling, query_prefix="query: ", passage_prefix="passage: ")


@functools.cache
def smollm2(models: Path) -> TorchEngine:
    return TorchEngine.load(models / SMOLLM2, SMOLLM2, ChatOptions(dtype=torch.float32))


@functools.cache
def library(models: Path, home: Path) -> Library:
    """The knowledge bases in ``home``, with the settings a person has who changed none."""
    return Library(Settings(home=home, models=models))


class OneEngine(Models):
    """Models whose chat engine is given; None: there is no chat model."""

    def __init__(self, settings: Settings, engine: ChatEngine | None) -> None:
        super().__init__(settings)
        self._given = engine

    def too_weak(self) -> None:
        return None

    def engine(self, decoding: Decoding | None = None) -> ChatEngine:
        if self._given is None:
            raise ModelMissing("unforeseen", error="there is no chat model")
        return self._given


@functools.cache
def sample_kb(models: Path, home: Path) -> OpenKnowledgeBase:
    """Some of sample_docs, ingested."""
    into = library(models, home).create("samples", LOCAL)
    results = ingest([SAMPLE_DOCS / name for name in INDEXED], into)
    assert {result.status for result in results} == {Status.ADDED}
    return into


def excerpt(number: int, *sentences: str, document: str = "a.md", score: float = 1.0) -> Evidence:
    """Evidence of some sentences, one after another."""
    text, scored = " ".join(sentences), []
    for sentence in sentences:
        start = text.index(sentence)
        scored.append(ScoredSentence(sentence, start, start + len(sentence), None, score))
    return Evidence(
        number,
        document,
        f"/d/{document}",
        None,
        (),
        0,
        len(text),
        text,
        score,
        tuple(scored),
        document_id=number,
    )
