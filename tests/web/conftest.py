"""One browser and one server for the tests of the page, with real weights."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
START_S = 30
PATIENCE_MS = 30_000  # models load while the first test runs


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(home: Path, models: Path, **environment: str) -> Iterator[str]:
    """Run ``ragapp serve`` as a person would; yields the address once the page answers."""
    port = free_port()
    outside = {k: v for k, v in os.environ.items() if not k.startswith("RAGAPP_")}
    variables = {**outside, "RAGAPP_HOME": str(home), "RAGAPP_MODELS": str(models), **environment}
    command = [sys.executable, "-m", "ragapp.cli", "serve", "--port", str(port)]
    log = home / "serve.log"
    home.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_page(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=15)


def _wait_for_page(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(f"{address}/", timeout=START_S).close()
            return
        except urllib.error.HTTPError:
            return  # it answers, and asks for a password
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"no page after {START_S} s: {log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGS)
        yield launched
        launched.close()


@contextmanager
def opened(
    browser: Browser, address: str, locale: str = "en-US", **options: object
) -> Iterator[Page]:
    """Open the page as a new visitor and wait until it can be used."""
    context: BrowserContext = browser.new_context(locale=locale, **options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.wait_for_selector("#question textarea")
    page.wait_for_selector("#evidence .hint, #evidence .evidence-group", state="attached")
    try:
        yield page
    finally:
        context.close()
