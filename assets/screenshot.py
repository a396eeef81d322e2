"""Take the pictures of the README: the real page, the sample documents, a real answer.

    RAGAPP_MODELS=… python assets/screenshot.py

Needs Chromium (playwright's own, or one on the PATH) and the default models. Knowledge base and
server live in a folder that is deleted at the end.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "sample_docs"
PICTURES = [
    ("en", "screenshot.png", "How does nucleus sampling choose the next token?"),
    ("zh", "screenshot-zh.png", "Qwen2.5 不写系统消息会怎样？"),
]


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "RAGAPP_HOME": home, "RAGAPP_KB": "sample"}
        ragapp = [sys.executable, "-m", "ragapp.cli"]
        subprocess.run([*ragapp, "ingest", str(SAMPLES)], env=environment, check=True)
        port = free_port()
        server = subprocess.Popen([*ragapp, "serve", "--port", str(port)], env=environment)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                for language, name, question in PICTURES:
                    take(browser, f"http://127.0.0.1:{port}/?lang={language}", question, name)
                browser.close()
        finally:
            server.terminate()
            server.wait()


def take(browser: Browser, address: str, question: str, name: str) -> None:
    page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(address)
    page.locator("#documents li").first.wait_for()
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")
    page.locator("#live .under").wait_for()
    page.locator("#live a.cite").first.click()
    page.wait_for_timeout(1000)  # the scrolling to the evidence ends
    page.screenshot(path=HERE / name)
    print(name, page.locator("#live .answer").inner_text())
    page.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
