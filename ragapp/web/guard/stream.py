"""Streams end with the session that they belong to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ragapp.web.guard.sessions import Page, Session

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRACE_S = 2.0
"""For the app to clean up behind a stream whose session is over."""


async def serve_while(
    session: Session,
    page: Page,
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
    clock: Callable[[], float],
) -> None:
    """Serve until the app is done, or the session ends: by a logout anywhere, or by its age.

    To the app, the end of the session is a browser that went away: it cleans up as it does then.
    """
    over = asyncio.ensure_future(_end_of(session, clock))
    begun = finished = False

    async def sending(message: Message) -> None:
        nonlocal begun, finished
        if over.done():
            return
        begun = begun or message["type"] == "http.response.start"
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            finished = True

    async def receiving() -> Message:
        if not over.done():
            coming = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({coming, over}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    return coming.result()
            finally:
                coming.cancel()
        return {"type": "http.disconnect"}

    page.streams += 1
    serving = asyncio.ensure_future(app(scope, receiving, sending))
    try:
        await asyncio.wait({serving, over}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            await asyncio.wait({serving}, timeout=GRACE_S)
    finally:
        page.streams -= 1
        page.heard = clock()
        over.cancel()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    if begun and not finished:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _end_of(session: Session, clock: Callable[[], float]) -> None:
    while not session.ended.is_set() and (left := session.left(clock())) > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await session.ended.wait()
