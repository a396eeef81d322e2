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
            raise SettingsError(
                "the endpoint's key",
                "it has characters that cannot be sent",
                "Copy it again into RAGAPP_ENDPOINT_KEY.",
            )
        address = address.strip()
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise _no_address(address) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise _no_address(parts.path if parts.username else address)
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

    def error(self, why: str, fix: str) -> EngineError:
        """Return an error about this server, without the key, should the server have quoted it."""
        if self.key:
            why = why.replace(self.key, "…")
        return EngineError(f"the endpoint {self.url}", why, fix)

    def unreachable(self, error: httpx.RequestError) -> EngineError:
        """Say why there is no connection."""
        if isinstance(error, httpx.ConnectTimeout):
            why = f"it did not answer within {CONNECT_S:.0f} seconds"
        elif isinstance(error, httpx.ConnectError):
            why = f"nothing is listening there ({error})"
        elif isinstance(error, httpx.TimeoutException):
            why = "it took too long"
        else:
            why = f"it dropped the connection ({error or type(error).__name__})"
        return self.error(why, "Start the server, or correct RAGAPP_ENDPOINT.")

    def silent(self, seconds: float) -> EngineError:
        """Say that it accepted a request and then said nothing for too long."""
        return self.error(
            f"it said nothing for {seconds:.0f} seconds",
            "See whether the server is overloaded or stuck, then ask again.",
        )

    def cut_short(self, error: httpx.TransportError | None) -> EngineError:
        """Say that it stopped in the middle of an answer."""
        how = f" ({error})" if error is not None and str(error) else ""
        return self.error(
            f"it went away in the middle of an answer{how}",
            "What it had said is kept. See that the server runs, then ask again.",
        )

    def not_this_protocol(self, what: str) -> EngineError:
        """Say that it answers with something else than the protocol's events."""
        return self.error(
            f"it does not speak the OpenAI protocol: {what}",
            "Correct RAGAPP_ENDPOINT: for most servers it ends in /v1.",
        )

    def refused(self, status: int, body: str, model: str, known_models: list[str]) -> EngineError:
        """Say why it refused a request: the status, and what it wrote."""
        message = said_in(body)
        lower = message.lower()
        said = f": {message}" if message else ""
        if status in (401, 403):
            return self.error(
                f"it does not accept the key{said}" if self.key else f"it wants a key{said}",
                "Put the server's key into RAGAPP_ENDPOINT_KEY.",
            )
        if 300 <= status < 400:
            return self.not_this_protocol(f"it sends requests elsewhere (status {status})")
        if status in (400, 404, 422) and "model" in lower and _unknown(lower):
            named = ", ".join(known_models[:MODELS_NAMED])
            return self.error(
                f"it has no model '{model}'{said}",
                f"It has: {named}. Choose one as the chat model."
                if named
                else "Start the server with that model, or choose another chat model.",
            )
        if status in (404, 405):
            return self.error(
                f"there is nothing of the OpenAI protocol (status {status}{said})",
                "Correct RAGAPP_ENDPOINT: for most servers it ends in /v1.",
            )
        if status in (400, 413, 422) and "context" in lower:
            return self.error(
                f"the prompt is longer than its context{said}",
                "Set RAGAPP_CONTEXT_TOKENS to the server's context, or start it with a longer one.",
            )
        if status == 429 or status >= 500:
            return self.error(f"it failed (status {status}{said})", "Ask again a little later.")
        return self.error(
            f"it refused the request (status {status}{said})",
            "Leave out the decoding values that it does not know, or see the server's log.",
        )


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


def _no_address(shown: str) -> SettingsError:
    return SettingsError(
        f"endpoint '{shown}'",
        "it is not the address of a server",
        "Write it like http://localhost:8000/v1, and a password, if any, as RAGAPP_ENDPOINT_KEY.",
    )
