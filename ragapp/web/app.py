"""The page as a whole: assembled, wired, and served."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import UsageError
from ragapp.library import Library
from ragapp.web.guard import Guard, is_loopback

if TYPE_CHECKING:
    from starlette.types import ASGIApp

STATIC = Path(__file__).parent / "static"
FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "sans-serif",
)
SHUTDOWN_S = 2
"""An open page keeps a connection; closing the server does not wait longer for it."""


def serve(
    library: Library,
    *,
    host: str,
    port: int,
    password: str,
    open_browser: bool,
    ready: Callable[[str], None],
) -> None:
    """Serve the page until interrupted; ``ready`` gets its address once it answers.

    Raises:
        UsageError: others could reach the page and there is no password, or the port is taken.
    """
    if not is_loopback(host) and not password:
        raise UsageError(
            f"serving on {host}",
            "everybody on the network could read the documents, for no password is set",
            "Set one with RAGAPP_PASSWORD (or `password` in ragapp.toml), or leave out --host to"
            " serve this computer only.",
        )
    listening = _listen(host, port)
    with listening, tempfile.TemporaryDirectory(prefix="ragapp-uploads-") as uploads:
        _keep_gradio_quiet(uploads)
        address = f"http://{_shown_host(host)}:{listening.getsockname()[1]}"

        def started() -> None:
            ready(address)
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        app = asgi_app(library, password=password, loopback_only=is_loopback(host))
        _run(app, listening, started)


def asgi_app(library: Library, *, password: str, loopback_only: bool) -> ASGIApp:
    """Return the page behind its guard."""
    import gradio as gr
    from fastapi import FastAPI

    from ragapp.web.page import build_app

    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    page = build_app(library)
    fonts = [gr.themes.Font(name) for name in FONTS]
    gr.mount_gradio_app(
        api,
        page,
        path="/",
        theme=gr.themes.Base(font=fonts, font_mono=[gr.themes.Font("ui-monospace"), *fonts]),
        css=(STATIC / "style.css").read_text(encoding="utf-8"),
        head=f"<script>{(STATIC / 'cite.js').read_text(encoding='utf-8')}</script>",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        favicon_path=str(STATIC / "favicon.svg"),
    )
    language = library.settings.web.language
    return Guard(api, password=password, loopback_only=loopback_only, language=language)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise UsageError(
            f"serving on {host}, port {port}",
            str(error.strerror or error),
            f"Is ragapp running already? Then open http://{_shown_host(host)}:{port}; else choose"
            f" another port: `ragapp serve --port {port + 1}`.",
        ) from error


def _shown_host(host: str) -> str:
    """Return the address people open: for "every interface" the one that others reach."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        return f"[{host}]" if ":" in host else host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the system names the interface
            name: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
        return name


def _keep_gradio_quiet(uploads: str) -> None:
    """Tell Gradio and the hub library to call nobody, and where to put what is dropped."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = uploads


def _run(app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=SHUTDOWN_S, lifespan="on"
    )
    Server(config).run(sockets=[listening])
