"""Where an OpenAI-compatible server is, and what its refusals mean to a person."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from ragapp.errors import EngineError, SettingsError

CONNECT_S = 5.0
SHORT_REQUEST_S = 10.0
"""For questions that need no model: which models there are, how many tokens a prompt has."""
QUOTED_CHARACTERS = 300
"""Of what a server wrote, in an error."""
MODELS_NAMED = 8


@dataclass(frozen=True)
class Endpoint:
    """A server: ``url`` is its address up to and without ``/chat/completions``.

    Requests go there and nowhere else: proxies that the environment names are not used, and
    redirections are not followed. The key is in no representation, log or error.
    """

    url: str
    key: str = field(default="", repr=False)
    _ssl: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def at(cls, address: str, key: str = "") -> Endpoint:
        """Read an address as people write it: with or without ``/v1`` or ``/chat/completions``.

        Raises:
            SettingsError: it is no address of a server, or no header can carry the key.
        """
        key = key.strip()
        if not (key.isascii() and key.isprintable()):
            raise SettingsError("endpoint_unsendable_key")
        address = address.strip()
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise SettingsError("endpoint_bad_address", address=address) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            shown = parts.path if parts.username else address
            raise SettingsError("endpoint_bad_address", address=shown)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
        url = f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"
        # The system's own certificates, so that a team's own authority counts; made once, slow.
        context = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(url, key, context)

    @property
    def root(self) -> str:
        """The address of what servers offer beside the protocol."""
        return self.url.removesuffix("/v1")

    def client_options(self) -> dict[str, Any]:
        """Return how an httpx client must be made to talk to this server only."""
        return {
            "headers": {"Authorization": f"Bearer {self.key}"} if self.key else {},
            "trust_env": False,
            "follow_redirects": False,
            "verify": self._ssl or False,  # without TLS there is nothing to verify
        }

    def about(self, **values: object) -> dict[str, object]:
        """Return the values of an error about this server, its ``url`` among them.

        Without the key, should the server have quoted it.
        """
        return {"url": self.url} | {
            name: value.replace(self.key, "…") if self.key and isinstance(value, str) else value
            for name, value in values.items()
        }

    def unreachable(self, error: httpx.RequestError) -> EngineError:
        """Say why there is no connection."""
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.ConnectTimeout):
            return EngineError("endpoint_connect_timeout", **self.about(seconds=CONNECT_S))
        if isinstance(error, httpx.ConnectError):
            return EngineError("endpoint_nobody_listens", **self.about(reason=reason))
        if isinstance(error, httpx.TimeoutException):
            return EngineError("endpoint_too_slow", **self.about())
        return EngineError("endpoint_dropped", **self.about(reason=reason))

    def cut_short(self, error: httpx.TransportError | None) -> EngineError:
        """Say that it stopped in the middle of an answer."""
        reason = "" if error is None else str(error)
        return EngineError(
            "endpoint_broke_off" if reason else "endpoint_ended_early", **self.about(reason=reason)
        )

    def refused(self, status: int, body: str, model: str, known_models: list[str]) -> EngineError:
        """Say why it refused a request: the status, and what it wrote."""
        message = said_in(body)
        lower = message.lower()
        told = self.about(
            said=f"{status}: {message}" if message else str(status),
            model=model,
            models=", ".join(known_models[:MODELS_NAMED]),
        )
        if status in (401, 403):
            return EngineError("endpoint_wrong_key" if self.key else "endpoint_no_key", **told)
        if 300 <= status < 400:
            return EngineError("endpoint_redirects", **told)
        if status in (400, 404, 422) and "model" in lower and _unknown(lower):
            return EngineError(
                "endpoint_other_models" if known_models else "endpoint_unknown_model", **told
            )
        if status in (404, 405):
            return EngineError("endpoint_wrong_path", **told)
        if status in (400, 413, 422) and "context" in lower:
            return EngineError("endpoint_prompt_too_long", **told)
        if status == 429 or status >= 500:
            return EngineError("endpoint_failed", **told)
        return EngineError("endpoint_refused", **told)


def said_in(body: str) -> str:
    """Return the message in an error's body, whichever of the common shapes it has."""
    try:
        value = json.loads(body)
    except ValueError:
        return "" if body.lstrip().startswith("<") else _short(body)  # a page of HTML
    for key in ("error", "message", "detail"):
        if isinstance(value, dict) and key in value:
            value = value[key]
    return _short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "…"


def _unknown(message: str) -> bool:
    return any(w in message for w in ("not found", "not exist", "unknown", "no such", "not loaded"))
