"""Names for what libraries without types hand over; to the type checker each is anything."""

from __future__ import annotations

from typing import Any, TypeAlias

# transformers, and torch's modules as it arranges them
CausalLM: TypeAlias = Any
Layer: TypeAlias = Any
Configuration: TypeAlias = Any
Tokenizer: TypeAlias = Any
Rendered: TypeAlias = Any  # a prompt through a template: text, or ids
KeyValueCache: TypeAlias = Any
ModelInput: TypeAlias = Any
ModelOutput: TypeAlias = Any
LogitsProcessors: TypeAlias = Any
StoppingCriteria: TypeAlias = Any

# sentencepiece
SentencePieces: TypeAlias = Any

# openvino and openvino-genai
Node: TypeAlias = Any
Pipeline: TypeAlias = Any
