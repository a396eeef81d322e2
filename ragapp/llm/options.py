"""What a person can choose about the chat model: which engine runs it, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import SettingsError
from ragapp.llm.engine import EngineKind

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How a chat model is loaded; names and values are those of the settings.

    ``models``: the folder where exports and measurements are kept; only OpenVINO needs it.
    ``context_tokens``: 0 takes what the model has, up to a sensible length. ``adapter``: the
    folder of a LoRA adapter, "" for none. ``trust_remote_code``: the one model that may run code
    of its own. ``dtype``: None keeps the checkpoint's.
    """

    engine: str = EngineKind.AUTO
    models: Path | None = None
    device: str = "cpu"
    dtype: torch.dtype | None = None
    context_tokens: int = 0
    quantization: str = "none"
    adapter: str = ""
    low_memory: bool = False
    thinking: bool = False
    trust_remote_code: str = ""
    endpoint: str = ""
    endpoint_key: str = field(default="", repr=False)

    @property
    def kind(self) -> EngineKind:
        """The engine that is asked for; an ``endpoint`` address alone asks for that one.

        Raises:
            SettingsError: there is no such engine, or the endpoint has no address.
        """
        try:
            kind = EngineKind(self.engine)
        except ValueError as error:
            raise SettingsError(
                "unknown_engine", engine=self.engine, engines=", ".join(EngineKind)
            ) from error
        if kind is EngineKind.AUTO and self.endpoint:
            return EngineKind.ENDPOINT
        if kind is EngineKind.ENDPOINT and not self.endpoint:
            raise SettingsError("endpoint_no_address")
        return kind

    def trusts(self, name: str) -> bool:
        """Say whether a model may run code of its own."""
        return bool(name) and self.trust_remote_code == name
