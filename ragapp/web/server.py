"""Runs the web server: its socket, TLS, and an end that comes when it is asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragapp.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

GRACE_S = 2
"""An open page keeps a connection; closing the server does not wait longer for it."""
LONGEST_END_S = 5.0
"""A thread that computes cannot be interrupted from outside; the process ends without it."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: the certificate with its chain, and its key."""

    certificate: str
    key: str

    def check(self) -> None:
        """Read both.

        Raises:
            SettingsError: a file is missing, or they are no pair.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except (OSError, ValueError) as error:
            raise SettingsError(
                "certificate_unusable", certificate=self.certificate, key=self.key, reason=error
            ) from error


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: the address is not ours, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise UsageError(
            "address_taken",
            host=host,
            port=port,
            reason=error.strerror or error,
            shown=shown_host(host),
            next_port=port + 1,
        ) from error


def shown_host(host: str) -> str:
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


def run(
    app: ASGIApp,
    listening: socket.socket,
    tls: Tls | None,
    started: Callable[[], None],
    stopping: Callable[[], None],
    cleanup: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then end in order; a second signal ends at once.

    stopping: asks whatever works to stop. cleanup: what is done last, also when something keeps
    working and the process ends without it.
    """
    import uvicorn

    def end_now(code: int) -> None:
        cleanup()
        logging.shutdown()
        os._exit(code)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

        # uvicorn would raise the signal again when it is done, and skip what comes after us.
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {sig: signal.signal(sig, self.handle_exit) for sig in SIGNALS}
            try:
                yield
            finally:
                for sig, handler in before.items():
                    signal.signal(sig, handler)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if self.should_exit:
                end_now(128 + sig)
            self.should_exit = True
            last.append(_after(LONGEST_END_S, lambda: end_now(128 + sig)))
            # In a thread: the lock it needs may be held by the very code that was interrupted.
            threading.Thread(target=stopping, name="stopping", daemon=True).start()

    last: list[threading.Timer] = []
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=GRACE_S,
        lifespan="on",
        ws="none",
        proxy_headers=False,  # the guard reads them, from proxies that the settings name
        forwarded_allow_ips="",
        server_header=False,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    try:
        Server(config).run(sockets=[listening])
    finally:
        for timer in last:
            timer.cancel()


def end_soon(code: int) -> None:
    """Let the process end in order, but without threads that go on working."""
    _after(LONGEST_END_S, lambda: os._exit(code))


def _after(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer
