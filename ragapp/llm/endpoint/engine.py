"""Text generation by an OpenAI-compatible server: vLLM, Ollama, llama.cpp, LM Studio."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from ragapp.errors import EngineError, UsageError
from ragapp.llm.batch import generate_concurrently, require_chat
from ragapp.llm.decoding import Decoding
from ragapp.llm.endpoint.address import CONNECT_S, SHORT_REQUEST_S, Endpoint
from ragapp.llm.endpoint.stream import EventStream
from ragapp.llm.endpoint.tokens import TokenCounter
from ragapp.llm.engine import (
    BatchOutcome,
    Done,
    EngineKind,
    Message,
    Prompt,
    Text,
    Thought,
    decode_rate,
)
from ragapp.llm.reader import ThoughtSplitter
from ragapp.llm.tokenizers.protocol import WORD_JOINER
from ragapp.types import CancelCheck, FinishReason

logger = logging.getLogger(__name__)

DEFAULT_CONTEXT_TOKENS = 4096
"""Where neither the settings nor the server say: what Ollama and LM Studio start models with."""
POLL_S = 0.05
"""How often a waiting reader looks whether it was told to stop."""
LARGEST_SEED = 2**31 - 1
"""What every server takes; llama.cpp reads 2**32 - 1 as "any"."""

# What structures the prompts of the known families. Which model answers is not known for certain.
CONTROL = re.compile(
    r"<[|｜][^<>\n]{1,60}?[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|<(?:start|end)_of_turn>|\[(?:gMASK|sMASK|MASK)\]|</?think>"
)
SWITCH = "chat_template_kwargs"
"""Turns thinking off or on, in vLLM and llama.cpp; vLLM refuses it for Mistral's models."""
REASONING = ("reasoning_content", "reasoning")
"""Where servers put what a model thinks: the older name (llama.cpp, DeepSeek), the newer (vLLM)."""


class EndpointEngine:
    """A chat model behind ``/chat/completions``. Generations of several threads run together.

    ``model`` is as the server names it, ``url`` its address; ``context_tokens`` is as long as the
    server's context, or shorter.

    Raises:
        SettingsError: ``url`` is no address, or ``key`` cannot be sent.
    """

    kind = EngineKind.ENDPOINT
    dtype = "the engine's"
    caches_prefixes = False  # the server may, but it is not ours alone
    continues_texts = False

    def __init__(
        self,
        url: str,
        model: str,
        key: str = "",
        *,
        context_tokens: int = 0,
        thinking: bool = False,
    ) -> None:
        self.name = model
        self.context_tokens = context_tokens or DEFAULT_CONTEXT_TOKENS
        self._endpoint = Endpoint.at(url, key)
        self._client = httpx.Client(
            **self._endpoint.client_options(),
            timeout=httpx.Timeout(SHORT_REQUEST_S, connect=CONNECT_S),
        )
        self._switches: dict[str, object] = {SWITCH: {"enable_thinking": thinking}}
        self._tokens = TokenCounter(self._endpoint, self._client)

    @classmethod
    def connect(
        cls,
        url: str,
        model: str = "",
        key: str = "",
        *,
        context_tokens: int = 0,
        thinking: bool = False,
    ) -> EndpointEngine:
        """Ask a server which models it has, and for how many tokens.

        model: empty takes the first. context_tokens: 0 takes what the server declares.

        Raises:
            SettingsError: ``url`` is no address, or ``key`` cannot be sent.
            EngineError: the server does not answer, refuses, or has no model.
        """
        engine = cls(url, model, key, thinking=thinking)
        listed = engine._list_models()
        if not model and not listed:
            raise EngineError("endpoint_lists_no_model", **engine._endpoint.about())
        engine.name = model or next(iter(listed))
        declared = _declared_context(listed.get(engine.name, {}))
        wanted = context_tokens or declared or DEFAULT_CONTEXT_TOKENS
        engine.context_tokens = min(wanted, declared or wanted)
        return engine

    def count_tokens(self, prompt: Prompt) -> int:
        """Count the tokens of a prompt, as the server does (vLLM, llama.cpp) or by an estimate."""
        messages = require_chat(prompt, self.name)
        return self._tokens.count({"model": self.name, **_plain(messages), **self._switches})

    def neutralise(self, text: str) -> str:
        """Break what any known family of models would read as a control token."""
        return CONTROL.sub(lambda found: found[0][0] + WORD_JOINER + found[0][1:], text)

    def check(self, decoding: Decoding) -> None:
        """Refuse values that do not go together, or that the protocol does not have."""
        decoding.check()
        if lacking := decoding.beyond_sampling:
            raise UsageError("endpoint_lacks", settings=", ".join(lacking))

    def generate(
        self, messages: Sequence[Message], decoding: Decoding, cancel: CancelCheck
    ) -> Iterator[Thought | Text | Done]:
        """Stream an answer; the last item is a ``Done``.

        Thoughts are those that the server tells apart, or that its model puts between marks.
        Counts of tokens are the server's; where it was stopped before it gave them, the pieces of
        text count.

        Raises:
            EngineError: the server does not answer, refuses, or goes away; what it said remains.
        """
        self.check(decoding)
        answer = _Answer(started=time.perf_counter())
        try:
            yield from self._stream(messages, decoding, cancel, answer)
        except _SwitchRefused:
            self._switches = {}
            yield from self._stream(messages, decoding, cancel, answer)
        yield answer.done()

    def generate_batch(
        self, prompts: Sequence[Prompt], decoding: Decoding, cancel: CancelCheck
    ) -> list[BatchOutcome]:
        """Answer several chats at once, each with a request of its own."""
        return generate_concurrently(self, prompts, decoding, cancel)

    def _stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        cancel: CancelCheck,
        answer: _Answer,
    ) -> Iterator[Thought | Text]:
        request = self._request(messages, decoding)
        refused = functools.partial(self._refused, switched=SWITCH in request)
        with EventStream(self._endpoint, request, refused) as events:
            while True:
                if cancel():
                    answer.reason = FinishReason.CANCELLED
                    break
                try:
                    event = events.next(POLL_S)
                except TimeoutError:
                    continue
                except EOFError:
                    break
                yield from answer.take(event)
            yield from answer.finish()

    def _request(self, messages: Sequence[Message], decoding: Decoding) -> dict[str, Any]:
        return {
            "model": self.name,
            **_plain(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **self._switches,
            **_sampling(decoding, self.context_tokens),
        }

    def _refused(self, status: int, body: str, switched: bool) -> EngineError:
        if status in (400, 422) and switched and "chat_template" in body:
            return _SwitchRefused("endpoint_no_thinking_switch", **self._endpoint.about())
        known: list[str] = []
        if status in (400, 404, 422) and "model" in body:
            try:
                known = list(self._list_models())
            except EngineError as error:
                logger.info("no list of models: %s", error)
        return self._endpoint.refused(status, body, self.name, known)

    def _list_models(self) -> dict[str, dict[str, Any]]:
        """Return what the server says about each of its models."""
        try:
            response = self._client.get(f"{self._endpoint.url}/models")
        except httpx.RequestError as error:
            raise self._endpoint.unreachable(error) from error
        if response.status_code == httpx.codes.NOT_FOUND and self.name:
            return {}  # not every server lists its models
        if response.status_code != httpx.codes.OK:
            raise self._endpoint.refused(response.status_code, response.text, self.name, [])
        try:
            return {str(entry["id"]): entry for entry in response.json()["data"] or ()}
        except (ValueError, KeyError, TypeError) as error:
            raise EngineError("endpoint_models_no_list", **self._endpoint.about()) from error


class _SwitchRefused(EngineError):
    """The server refuses to be told whether its model shall think; without, it may answer."""


@dataclass(slots=True)
class _Answer:
    """What has arrived of an answer."""

    started: float
    pieces: int = 0
    first_token_s: float | None = None
    thought: bool = False
    splitter: ThoughtSplitter = field(default_factory=ThoughtSplitter)
    reason: FinishReason = FinishReason.STOP
    usage: Mapping[str, Any] | None = None

    def take(self, event: Mapping[str, Any]) -> Iterator[Thought | Text]:
        """Take an event; yield what is in it, often nothing."""
        self.usage = event.get("usage") or self.usage
        choices = event.get("choices") or [{}]
        delta = choices[0].get("delta") or {}
        if choices[0].get("finish_reason") == "length":
            self.reason = FinishReason.LENGTH
        thought = next((delta[name] for name in REASONING if delta.get(name)), "")
        said = delta.get("content") or ""
        if thought or said:
            self.pieces += 1
            self.first_token_s = self.first_token_s or time.perf_counter() - self.started
        thought = thought.replace(WORD_JOINER, "")
        if thought := thought if self.thought else thought.lstrip():
            self.thought = True
            yield Thought(thought)
        yield from self.splitter.push(said.replace(WORD_JOINER, ""))

    def finish(self) -> Iterator[Thought | Text]:
        """Yield what was held back."""
        return self.splitter.finish()

    def done(self) -> Done:
        total_s = time.perf_counter() - self.started
        usage = self.usage or {}
        details = usage.get("prompt_tokens_details") or {}
        count = usage.get("completion_tokens") or self.pieces
        return Done(
            finish_reason=self.reason,
            prompt_tokens=usage.get("prompt_tokens") or 0,
            cached_tokens=details.get("cached_tokens"),
            completion_tokens=count,
            first_token_s=self.first_token_s,
            tokens_per_s=decode_rate(count, self.first_token_s, total_s),
        )


def _sampling(decoding: Decoding, context_tokens: int) -> dict[str, Any]:
    """Return the protocol's values, and beside them those that vLLM and llama.cpp know.

    What a server calls by no common name goes under each; servers pass over keys they do not know.
    """
    values: dict[str, Any] = {
        "max_tokens": decoding.max_new_tokens,
        "temperature": 0.0,
        "stop": list(decoding.stop_strings),
    }
    if decoding.do_sample:
        # Unused means off; the server's own default would shape the text unasked.
        values["temperature"] = 1.0 if decoding.temperature is None else decoding.temperature
        values["top_p"] = 1.0 if decoding.top_p is None else decoding.top_p
        values["top_k"] = decoding.top_k
        values["min_p"] = decoding.min_p
        values["seed"] = None if decoding.seed is None else decoding.seed % LARGEST_SEED
    if decoding.repetition_penalty != 1.0:
        values["repetition_penalty"] = decoding.repetition_penalty  # vLLM
        values["repeat_penalty"] = decoding.repetition_penalty  # llama.cpp
        values["repeat_last_n"] = context_tokens  # of all the text, as elsewhere
    return {key: value for key, value in values.items() if value not in (None, [])}


def _declared_context(entry: Mapping[str, Any]) -> int:
    """Return the context in an entry of /models: vLLM's, llama.cpp's, LM Studio's, or 0."""
    meta = entry.get("meta") or {}
    places = (
        entry.get("max_model_len"),
        meta.get("n_ctx"),
        entry.get("loaded_context_length"),
    )
    return next((int(place) for place in places if place), 0)


def _plain(messages: Sequence[Message]) -> dict[str, list[dict[str, str]]]:
    return {"messages": [{"role": each.role, "content": each.content} for each in messages]}
