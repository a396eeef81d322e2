"""Names for what libraries without types hand over; to the type checker each is anything."""

from __future__ import annotations

from typing import Any, TypeAlias

# transformers
CausalLM: TypeAlias = Any
Configuration: TypeAlias = Any
Tokenizer: TypeAlias = Any

# gguf
GgufReader: TypeAlias = Any

# tokenizers
Normalizer: TypeAlias = Any
