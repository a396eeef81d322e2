"""The route that takes a file from the page: ``POST /upload``, the file itself as the body."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ragapp.web.inbox import UNCLAIMED_S, Inbox, Refusal, Upload, UploadRefused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

BLOCK = 1024 * 1024
LONGEST_SILENCE_S = 30.0
READ_ON = 32 * 1024 * 1024
"""Bytes of a refused file that are still read: browsers show an answer only after sending."""
STATUS = {Refusal.TOO_LARGE: 413, Refusal.NO_ROOM: 507, Refusal.BUSY: 429}


class Receiver:
    """Receives files of known sessions into the inbox."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def receive(self, request: Request) -> Response:
        """Answer ``{"token": …}``, or ``{"error": …}`` with a word of ``Refusal`` or "broken"."""
        from starlette.requests import ClientDisconnect
        from starlette.responses import JSONResponse, Response

        name = unquote(request.headers.get("x-file-name", ""), errors="replace")
        length = request.headers.get("content-length", "0")
        upload: Upload | None = None
        try:
            size = int(length) if length.isascii() and length.isdigit() else 0
            upload = self._inbox.begin(request.state.session, name, size)
            await self._take(request, upload)
            token, upload = upload.token, None
            return JSONResponse({"token": token}, 201)
        except UploadRefused as error:
            await _read_on(request)
            return JSONResponse(
                {"error": error.refusal.value}, STATUS[error.refusal], {"connection": "close"}
            )
        except (TimeoutError, OSError):
            return JSONResponse({"error": "broken"}, 500, {"connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            if upload is not None:
                await asyncio.to_thread(self._inbox.drop, upload)

    async def _take(self, request: Request, upload: Upload) -> None:
        parts, waiting, stream = [], 0, aiter(request.stream())
        while True:
            async with asyncio.timeout(LONGEST_SILENCE_S):
                part = await anext(stream, None)
            if part is not None:
                parts.append(part)
                waiting += len(part)
            if waiting >= BLOCK or (part is None and waiting):
                await asyncio.to_thread(self._inbox.write, upload, b"".join(parts))
                parts, waiting = [], 0
            if part is None:
                break
        await asyncio.to_thread(self._inbox.finish, upload)
        asyncio.get_running_loop().call_later(UNCLAIMED_S + 1, self._inbox.expire)


async def _read_on(request: Request) -> None:
    from starlette.requests import ClientDisconnect

    read = 0
    try:
        async with asyncio.timeout(LONGEST_SILENCE_S):
            async for part in request.stream():
                read += len(part)
                if read > READ_ON:
                    return
    except (TimeoutError, ClientDisconnect, RuntimeError):
        return
