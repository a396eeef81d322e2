"""Streams end with the session that they belong to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ragapp.web.guard.sessions import Session

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def serve_while(
    session: Session,
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    clock: Callable[[], float],
) -> None:
    """Serve until the app is done, or the session ends: by a logout anywhere, or by its age."""
    begun = finished = False

    async def noting(message: Message) -> None:
        nonlocal begun, finished
        begun = begun or message["type"] == "http.response.start"
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            finished = True

    serving = asyncio.ensure_future(app(scope, receive, noting))
    ended = asyncio.ensure_future(session.ended.wait())
    try:
        while not (serving.done() or ended.done()) and (left := session.left(clock())) > 0:
            await asyncio.wait(
                {serving, ended}, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )  # fmt: skip
    finally:
        ended.cancel()
        cut = serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    if cut and begun and not finished:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
