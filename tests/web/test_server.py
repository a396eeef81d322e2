"""The server ends when it is told to, speaks TLS, and keeps the password to itself."""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ragapp.cli.main import main
from ragapp.errors import SettingsError, UsageError
from ragapp.library import Library
from ragapp.settings import Settings
from ragapp.web.app import serve
from ragapp.web.guard.proxies import parse_proxies
from ragapp.web.server import Tls

BUSY = """
import asyncio, sys, threading
from pathlib import Path
from ragapp.library import Library
from ragapp.settings import Settings
from ragapp.web.app import serve
from ragapp.web.server import end_soon

def busy():
    while True:
        sum(range(1000))

def ready(address):
    if sys.argv[2] == "thread":
        threading.Thread(target=busy).start()
    else:
        asyncio.get_running_loop().run_in_executor(None, busy)
    print(address, flush=True)

home = Path(sys.argv[1])
settings = Settings().having(home=home, models=home, port=0)
serve(Library(settings), open_browser=False, ready=ready)
end_soon(0)
"""


@pytest.mark.parametrize(
    ("sent", "kind"), [(signal.SIGTERM, "executor"), (signal.SIGINT, "thread")]
)
def test_a_signal_ends_it_while_a_thread_computes(tmp_path: Path, sent: int, kind: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, str(tmp_path), kind], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=20) as page:
            assert page.status == 200
        assert list((tmp_path / ".incoming").iterdir())
        began = time.monotonic()
        process.send_signal(sent)
        code = process.wait(timeout=30)
    finally:
        process.kill()
    assert time.monotonic() - began < 12
    assert code in (0, 128 + sent)
    assert not [path for path in (tmp_path / ".incoming").iterdir() if path.is_dir()]


def certificate(folder: Path) -> Tls:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    tls = Tls(str(folder / "page.crt"), str(folder / "page.key"))
    Path(tls.certificate).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    Path(tls.key).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return tls


def test_with_a_certificate_the_page_is_served_over_tls_alone(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    (tmp_path / "password").write_text("from a file\n", encoding="utf-8")
    outside = {k: v for k, v in os.environ.items() if not k.startswith("RAGAPP_")}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable, "-m", "ragapp.cli", "serve", "--port", str(port),
            "--certfile", tls.certificate, "--keyfile", tls.key,
        ],
        env={
            **outside, "RAGAPP_HOME": str(tmp_path / "home"), "RAGAPP_MODELS": str(tmp_path),
            "RAGAPP_PASSWORD_FILE": str(tmp_path / "password"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert f"https://127.0.0.1:{port}" in process.stderr.readline()
        trusted = ssl.create_default_context(cafile=tls.certificate)

        class NoRedirect(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: object) -> None:
                return None

        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusted), NoRedirect()
        )
        with pytest.raises(urllib.error.HTTPError) as entered:
            opener.open(f"https://127.0.0.1:{port}/login", b"password=from+a+file", timeout=20)
        assert entered.value.code == 303
        cookie = entered.value.headers["set-cookie"]
        assert cookie.startswith(f"__Host-ragapp_{port}=")
        assert "; Secure" in cookie
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    for certificate_file, key in (
        (tls.key, tls.certificate), (str(tmp_path / "none"), tls.key), (tls.certificate, "")
    ):  # fmt: skip
        with pytest.raises(SettingsError, match="--certfile"):
            Tls(certificate_file, key).check()


def test_the_password_is_not_left_to_child_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGAPP_HOME", str(tmp_path))
    monkeypatch.setenv("RAGAPP_PASSWORD", "open sesame")
    monkeypatch.setenv("RAGAPP_ENDPOINT_KEY", "key")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "RAGAPP_PASSWORD" not in os.environ
    assert "RAGAPP_ENDPOINT_KEY" not in os.environ


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"host": "0.0.0.0"}, UsageError, "no password is set"),
        ({"trusted_proxies": "127.0.0.1"}, UsageError, "no password is set"),
        ({"trusted_proxies": "nginx", "password": "x"}, SettingsError, "trusted_proxies"),
        ({"password_file": "none"}, SettingsError, "No such file"),
        ({"password_file": "empty"}, SettingsError, "first line is empty"),
        ({"password_file": "full", "password": "x"}, SettingsError, "set as well"),
        ({"tls_certificate": "none"}, SettingsError, "No such file"),
    ],
)
def test_what_cannot_be_served_safely_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], error: type, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "full").write_text("secret")
    settings = Settings().having(home=tmp_path, models=tmp_path, port=0, **changes)
    with pytest.raises(error, match=said):
        serve(Library(settings), open_browser=False, ready=lambda _: None)


def test_proxies_are_addresses_or_networks() -> None:
    assert parse_proxies("") == ()
    assert [str(n) for n in parse_proxies("127.0.0.1, 10.0.0.0/8,::1")] == [
        "127.0.0.1/32", "10.0.0.0/8", "::1/128",
    ]  # fmt: skip
