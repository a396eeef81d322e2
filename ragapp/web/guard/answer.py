"""Answers that the guard gives by itself, and bodies that it reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragapp.web.guard.events import MalformedEvent
from ragapp.web.guard.headers import response_headers
from ragapp.web.guard.routes import Kind

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Send

PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response; ``kind``: of the page that it is, None when it is none."""

    status: int
    text: str = ""
    media_type: str = PLAIN
    kind: Kind | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cookies: tuple[str, ...] = ()

    async def send(self, send: Send) -> None:
        """Send it. The connection closes: what is left of a refused body is not read."""
        body = self.text.encode()
        headers = [
            (b"content-type", self.media_type.encode("ascii")),
            (b"content-length", str(len(body)).encode("ascii")),
            *self.headers,
        ]
        if self.status >= 400:
            headers.append((b"connection", b"close"))
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": response_headers(headers, self.kind, self.cookies),
            }
        )
        await send({"type": "http.response.body", "body": body})


def redirect(to: str, *cookies: str) -> Answer:
    """Return the answer that leads a browser to another page of ours."""
    return Answer(303, headers=((b"location", to.encode("ascii")),), cookies=cookies)


class Refused(Exception):
    """A request is answered here and now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def refused(status: int, text: str) -> Refused:
    """Return what to raise."""
    return Refused(Answer(status, text + "\n"))


async def body_of(receive: Receive) -> AsyncIterator[bytes]:
    """Yield a request's body as it comes; ends early when the sender goes away."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def read_at_most(body: AsyncIterator[bytes], limit: int) -> bytes:
    """Return a whole body.

    Raises:
        MalformedEvent: it is longer than ``limit`` bytes.
    """
    whole = bytearray()
    async for part in body:
        whole += part
        if len(whole) > limit:
            raise MalformedEvent(f"longer than {limit} bytes")
    return bytes(whole)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body that was read already, then what comes after it."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def with_our_headers(send: Send, kind: Kind, cookies: tuple[str, ...]) -> Send:
    """Return a ``send`` that puts our headers on what the app behind the guard answers."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            # An error page of the app's is no page of ours.
            shown = kind if message["status"] < 400 else None
            headers = response_headers(message["headers"], shown, cookies)
            message = {**message, "headers": headers}
        await send(message)

    return send_with_headers
