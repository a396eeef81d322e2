"""Names for what libraries without types hand over; to the type checker each is anything."""

from __future__ import annotations

from typing import Any, TypeAlias

# transformers, and torch's modules as it arranges them
CausalLM: TypeAlias = Any
EncoderModel: TypeAlias = Any
AttentionArgument: TypeAlias = Any
Layer: TypeAlias = Any
Configuration: TypeAlias = Any
Tokenizer: TypeAlias = Any
Rendered: TypeAlias = Any  # a prompt through a template: text, or ids
KeyValueCache: TypeAlias = Any
ModelInput: TypeAlias = Any
ModelOutput: TypeAlias = Any
LogitsProcessors: TypeAlias = Any
StoppingCriteria: TypeAlias = Any

# tokenizers, and its normalizers
Normalizer: TypeAlias = Any

# sentence-transformers
CrossEncoder: TypeAlias = Any

# gguf
GgufReader: TypeAlias = Any

# faiss, whose stubs describe the signatures of C++ and not those of Python
Faiss: TypeAlias = Any

# pypdf hands transformation matrices and font dictionaries to visitors
PdfValue: TypeAlias = Any

# gradio
Component: TypeAlias = Any

# argparse keeps the type of its subcommands to itself
Commands: TypeAlias = Any

# JSON, TOML and command lines hand over what they were given
Given: TypeAlias = Any

# sentencepiece
SentencePieces: TypeAlias = Any

# openvino and openvino-genai
Node: TypeAlias = Any
Pipeline: TypeAlias = Any
