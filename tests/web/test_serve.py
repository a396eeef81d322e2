"""Who may open the page, how soon, and what it says when something is missing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.conftest import free_port, opened, serving


def run_serve(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith("RAGAPP_")}
    return subprocess.run(
        [sys.executable, "-m", "ragapp.cli", "serve", *arguments],
        env={**outside, "RAGAPP_HOME": str(home), "RAGAPP_MODELS": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


def status_of(address: str, *, data: bytes | None = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, data=data, headers=named), timeout=10
        ) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_the_network_is_not_served_without_a_password(tmp_path: Path, host: str) -> None:
    refused = run_serve(tmp_path, "--host", host, "--port", str(free_port()))
    assert refused.returncode == 2
    assert "RAGAPP_PASSWORD" in refused.stderr


def test_a_taken_port_is_reported_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_serve(tmp_path, "--port", str(port))
    assert refused.returncode == 2
    assert f"--port {port + 1}" in refused.stderr


@pytest.mark.slow
def test_without_models_the_page_opens_and_names_the_command(
    tmp_path: Path, browser: Browser
) -> None:
    with (
        serving(tmp_path / "home", tmp_path / "models") as address,
        opened(browser, address) as page,
    ):
        expect(page.locator("#status")).to_contain_text("ragapp models pull multilingual-e5-small")
        page.locator("#question textarea").fill("Is anybody there?")
        page.keyboard.press("Enter")
        expect(page.locator("#live .notice.bad")).to_contain_text("ragapp")
        expect(page.locator("#send")).to_be_visible()


@pytest.mark.slow
def test_foreign_sites_cannot_reach_a_local_page(tmp_path: Path, models_dir: Path) -> None:
    with serving(tmp_path, models_dir) as address:
        assert status_of(address) == 200
        assert status_of(address, Host="rebound.example") == 403
        join = f"{address}/gradio_api/queue/join"
        assert status_of(join, data=b"{}", Origin="https://evil.example") == 403
        with urllib.request.urlopen(address, timeout=10) as response:
            assert "default-src 'self'" in response.headers["content-security-policy"]


@pytest.mark.slow
def test_a_password_stands_before_every_path(
    tmp_path: Path, models_dir: Path, browser: Browser
) -> None:
    with serving(tmp_path, models_dir, RAGAPP_PASSWORD="öffne dich 芝麻") as address:
        for path in ("/theme.css", "/gradio_api/theme.css", "/gradio_api/queue/data"):
            assert status_of(address + path) == 401, path
        for path in ("/config", "/gradio_api/info", "/gradio_api/heartbeat/abc"):
            assert status_of(address + path) == 404, path
        context = browser.new_context(locale="zh-CN")
        page = context.new_page()
        page.goto(address)
        assert page.url.endswith("/login")
        page.get_by_label("密码").fill("wrong")
        page.get_by_role("button").click()
        expect(page.get_by_role("alert")).to_have_text("密码不对。")
        page.get_by_label("密码").fill("öffne dich 芝麻")
        page.get_by_role("button").click()
        expect(page.locator("#send")).to_have_text("提问")
        page.get_by_role("button", name="退出登录").click()
        expect(page.get_by_label("密码")).to_be_visible()
        page.goto(address)
        assert page.url.endswith("/login")
        context.close()


@pytest.mark.slow
def test_guessing_the_password_is_slowed_down(tmp_path: Path, models_dir: Path) -> None:
    with serving(tmp_path, models_dir, RAGAPP_PASSWORD="right") as address:
        answers = [status_of(f"{address}/login", data=b"password=wrong") for _ in range(6)]
        assert answers == [401] * 5 + [429]
        assert status_of(f"{address}/login", data=b"password=right") == 429
