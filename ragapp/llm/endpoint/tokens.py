"""How many tokens a prompt has to a server's model: asked where it can be, else estimated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import httpx

from ragapp.llm.endpoint.address import Endpoint

logger = logging.getLogger(__name__)

ASCII_PER_TOKEN = 3.0
BYTES_PER_TOKEN = 2.0
"""Of UTF-8, of characters beyond ASCII: 1.5 tokens for a Chinese one. Measured on Wikipedia: to
Qwen2.5 and SmolLM2 a token is 4.6 characters of English (2.9 where it is full of numbers), and a
Chinese character is 0.75 tokens to Qwen2.5. To SmolLM2, made for English, it is 1.9."""
TOKENS_PER_MESSAGE = 8
TOKENS_PER_PROMPT = 40
"""A template may bring a system message of its own: SmolLM2's takes 23."""

Request = Mapping[str, Any]
"""What an answer would be asked for with: the model, the messages, switches of the template."""


class TokenCounter:
    """Counts as the server does (vLLM, llama.cpp); one that turns out not to is not asked again."""

    def __init__(self, endpoint: Endpoint, client: httpx.Client) -> None:
        self._endpoint = endpoint
        self._client = client
        self._asks = True

    def count(self, request: Request) -> int:
        """Count the tokens of a request's prompt, as the chat template renders it."""
        if self._asks:
            try:
                return self._ask(request)
            except httpx.TransportError as error:
                logger.info("%s cannot be asked to count: %r", self._endpoint.url, error)
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                logger.info("%s does not count tokens: %r", self._endpoint.url, error)
                self._asks = False
        return estimate_tokens([message["content"] for message in request["messages"]])

    def _ask(self, request: Request) -> int:
        """Use vLLM's /tokenize, which takes messages, or llama.cpp's, which takes text."""
        answer = self._post("/tokenize", request)
        if "count" in answer:
            return int(answer["count"])
        prompt = str(self._post("/apply-template", request)["prompt"])
        pieces = {"content": prompt, "add_special": True, "parse_special": True}
        return len(self._post("/tokenize", pieces)["tokens"])

    def _post(self, path: str, content: Request) -> dict[str, Any]:
        response = self._client.post(self._endpoint.root + path, json=content)
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer


def estimate_tokens(messages: Sequence[str]) -> int:
    """Return a careful upper estimate of a prompt's tokens, from the text of its messages.

    Careful for the languages that the model's tokenizer was made for.
    """
    tokens = float(TOKENS_PER_PROMPT)
    for text in messages:
        size = len(text.encode("utf-8", "replace"))
        in_ascii = sum(character.isascii() for character in text)
        tokens += in_ascii / ASCII_PER_TOKEN + (size - in_ascii) / BYTES_PER_TOKEN
        tokens += TOKENS_PER_MESSAGE
    return ceil(tokens)
