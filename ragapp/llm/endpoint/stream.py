"""One streamed answer of an OpenAI-compatible server: request, retries, server-sent events."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import queue
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any

import httpx

from ragapp.errors import EngineError
from ragapp.llm.endpoint.address import CONNECT_S, Endpoint

logger = logging.getLogger(__name__)

FIRST_EVENT_S = 600.0
"""A server may load the model first, and a processor reads a prompt of 8,000 tokens for minutes."""
NEXT_EVENT_S = 120.0
"""Between tokens: a busy server lets others go first."""
RETRY_STATUSES = frozenset({429, 502, 503, 504})
RETRY_DELAYS_S = (0.5, 1.0, 2.0)
LONGEST_RETRY_AFTER_S = 30.0
"""A person waits no longer than this without being told."""

Event = dict[str, Any]


class EventStream:
    """The events of one answer, read in a thread of its own, so that waiting can be given up.

    ``refused`` makes the error for a status and a body. Closing cuts the connection, by which
    servers know that nobody wants the rest.
    """

    def __init__(
        self, endpoint: Endpoint, request: Event, refused: Callable[[int, str], EngineError]
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._refused = refused
        self._events: queue.SimpleQueue[Event | EngineError | None] = queue.SimpleQueue()
        self._begun = False  # from then on no retry: the reader has seen some of the answer
        self._loop = asyncio.new_event_loop()
        self._reading = self._loop.create_task(self._read())
        self._thread = threading.Thread(target=self._run, name="endpoint", daemon=True)

    def __enter__(self) -> EventStream:
        """Send the request."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._loop.call_soon_threadsafe(self._reading.cancel)
        self._thread.join()
        self._loop.close()

    def next(self, timeout_s: float) -> Event:
        """Return the next event.

        Raises:
            EngineError: the server refused, or cannot be understood, or went away.
            EOFError: there are no more.
            TimeoutError: none came in time; ask again.
        """
        try:
            event = self._events.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        if event is None:
            raise EOFError
        if isinstance(event, EngineError):
            raise event
        return event

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._reading)
        except asyncio.CancelledError:
            pass
        except EngineError as error:
            self._events.put(error)
        except Exception as error:  # the reader raises it, and waits no longer
            logger.exception("reading from %s", self._endpoint.url)
            values = self._endpoint.about(reason=repr(error))
            self._events.put(EngineError("endpoint_unforeseen", **values))
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # httpx's own
            self._events.put(None)

    async def _read(self) -> None:
        timeout = httpx.Timeout(CONNECT_S, read=None)  # reading has its own, of whole events
        async with httpx.AsyncClient(**self._endpoint.client_options(), timeout=timeout) as client:
            for delay in (*RETRY_DELAYS_S, None):
                try:
                    return await self._attempt(client)
                except _MayPass as failure:
                    if delay is None or failure.after_s > LONGEST_RETRY_AFTER_S:
                        raise failure.error from failure
                    wait = max(delay, failure.after_s)
                    logger.info("again in %.1f s: %s", wait, failure.error)
                await asyncio.sleep(wait)

    async def _attempt(self, client: httpx.AsyncClient) -> None:
        try:
            async with asyncio.timeout(FIRST_EVENT_S):
                request = client.build_request(
                    "POST", f"{self._endpoint.url}/chat/completions", json=self._request
                )
                response = await client.send(request, stream=True)
            try:
                await self._check(response)
                await self._pass_on(response)
            finally:
                await response.aclose()
        except TimeoutError:
            seconds = NEXT_EVENT_S if self._begun else FIRST_EVENT_S
            raise EngineError("endpoint_silent", **self._endpoint.about(seconds=seconds)) from None
        except httpx.TransportError as error:
            if self._begun:
                raise self._endpoint.cut_short(error) from error
            raise _MayPass(self._endpoint.unreachable(error)) from error

    async def _check(self, response: httpx.Response) -> None:
        if response.status_code != httpx.codes.OK:
            async with asyncio.timeout(FIRST_EVENT_S):
                body = (await response.aread()).decode("utf-8", "replace")
            error = self._refused(response.status_code, body)
            if response.status_code in RETRY_STATUSES:
                raise _MayPass(error, _retry_after(response.headers.get("Retry-After", "")))
            raise error
        kind = response.headers.get("Content-Type", "nothing").split(";")[0]
        if kind != "text/event-stream":
            raise EngineError("endpoint_no_events", **self._endpoint.about(kind=kind))

    async def _pass_on(self, response: httpx.Response) -> None:
        """Hand over events up to ``[DONE]``; without it, the last must have said that it is."""
        finished = False
        async with aclosing(_lines(response)) as lines:
            while True:
                async with asyncio.timeout(NEXT_EVENT_S if self._begun else FIRST_EVENT_S):
                    line = await anext(lines, None)
                if line is None:
                    break
                if not line.startswith("data:"):
                    continue  # a comment that keeps the connection alive, or the name of an event
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    return
                event = self._parse(data)
                self._begun = True
                finished = finished or _finishes(event)
                self._events.put(event)
        if not finished:
            raise self._endpoint.cut_short(None)

    def _parse(self, data: str) -> Event:
        try:
            event = json.loads(data)
        except ValueError as error:
            values = self._endpoint.about(event=data[:80])
            raise EngineError("endpoint_event_no_json", **values) from error
        if not isinstance(event, dict):
            values = self._endpoint.about(event=data[:80])
            raise EngineError("endpoint_event_no_object", **values)
        if event.get("error"):
            raise self._refused(500, data)
        return event


class _MayPass(Exception):
    """A failure that may be gone on the next try, ``after_s`` seconds from now."""

    def __init__(self, error: EngineError, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


async def _lines(response: httpx.Response) -> AsyncGenerator[str]:
    """Yield lines ended by newlines only: JSON may hold other separators, which httpx splits at."""
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace").rstrip("\r")
    if rest:
        yield rest.decode("utf-8", "replace")


def _finishes(event: Event) -> bool:
    return any(choice.get("finish_reason") for choice in event.get("choices") or ())


def _retry_after(header: str) -> float:
    """Return the seconds that a Retry-After header asks for, in either of its forms."""
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, (when - datetime.datetime.now(datetime.UTC)).total_seconds())
