"""The page as a whole: assembled, guarded, and served."""

from __future__ import annotations

import os
import shutil
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ragapp.errors import SettingsError, UsageError
from ragapp.library import Library
from ragapp.offline import keep_local
from ragapp.settings import WebSettings
from ragapp.web.guard.gate import Access, Gate
from ragapp.web.guard.origin import is_loopback
from ragapp.web.guard.proxies import parse_proxies
from ragapp.web.inbox import Inbox, private_folder
from ragapp.web.receive import Receiver
from ragapp.web.server import Tls, listen, run, shown_host

if TYPE_CHECKING:
    from starlette.types import ASGIApp

STATIC = Path(__file__).parent / "static"
SCRIPTS = ("session.js", "cite.js", "upload.js")
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


def serve(library: Library, *, open_browser: bool, ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; ``ready`` gets its address once it answers.

    Raises:
        UsageError: others could reach the page and there is no password, or the port is taken.
        SettingsError: a file that the settings name cannot be used.
    """
    settings = library.settings.web
    tls = _tls(settings)
    password = _password(settings)
    loopback_only = _may_be_reached(settings, password)
    listening = listen(settings.host, settings.port)
    port: int = listening.getsockname()[1]
    with listening, private_folder(library.settings.home) as incoming:
        keep_local()
        os.environ["GRADIO_TEMP_DIR"] = str(incoming / "gradio")
        address = f"{'https' if tls else 'http'}://{shown_host(settings.host)}:{port}"

        def started() -> None:
            ready(address)
            if open_browser:
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        access = Access(
            password,
            loopback_only,
            port,
            settings.language,
            parse_proxies(settings.trusted_proxies),
        )
        app, stop = asgi_app(library, access, Inbox(incoming))
        run(app, listening, tls, started, stop, lambda: shutil.rmtree(incoming, ignore_errors=True))


def asgi_app(library: Library, access: Access, inbox: Inbox) -> tuple[ASGIApp, Callable[[], None]]:
    """Return the page behind its guard, and what asks its work to stop."""
    import gradio as gr
    from fastapi import FastAPI

    from ragapp.web.page import build_app
    from ragapp.web.visitor import QueueEvents

    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.add_route("/upload", Receiver(inbox).receive, methods=["POST"])
    page, stop = build_app(library, inbox, logout=bool(access.password))
    fonts = [gr.themes.Font(name) for name in FONTS]
    scripts = "".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    gr.mount_gradio_app(
        api,
        page,
        path="/",
        theme=gr.themes.Base(font=fonts, font_mono=[gr.themes.Font("ui-monospace"), *fonts]),
        css=(STATIC / "style.css").read_text(encoding="utf-8"),
        head=f"<script>{scripts}</script>",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        favicon_path=str(STATIC / "favicon.svg"),
    )
    # Gradio checks the paths of files in events only in pages that it launched itself. No event
    # that names one passes the guard; this is the second lock on the same door.
    page.has_launched = True
    return Gate(api, access, QueueEvents(page)), stop


def _may_be_reached(settings: WebSettings, password: str) -> bool:
    """Say whether only this computer reaches the page.

    Raises:
        UsageError: others do, and need no password.
    """
    loopback_only = is_loopback(settings.host) and not settings.trusted_proxies
    if not loopback_only and not password:
        raise UsageError("serving_without_password", host=settings.host)
    return loopback_only


def _password(settings: WebSettings) -> str:
    if not settings.password_file:
        return settings.password
    file = settings.password_file
    try:
        lines = Path(file).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("password_file_unreadable", file=file, reason=error) from error
    if settings.password:
        raise SettingsError("password_given_twice", file=file)
    if not lines or not lines[0]:
        raise SettingsError("password_file_empty", file=file)
    return lines[0]


def _tls(settings: WebSettings) -> Tls | None:
    if not settings.tls_certificate and not settings.tls_key:
        return None
    certificate = Path(settings.tls_certificate).expanduser()
    tls = Tls(str(certificate), str(Path(settings.tls_key).expanduser()))
    tls.check()
    return tls
