"""The upload route: for who has opened the page, within bounds, and it leaves nothing behind."""

from __future__ import annotations

import json
import time

import pytest

from ragapp.web import inbox as module
from tests.web.live import live


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("receive")
    with live(folder / "home", folder / "models") as running:
        yield running


def files(served):
    return [path for path in served.incoming.rglob("*") if path.is_file()]


def test_a_file_arrives_as_it_is_under_its_own_name(served):
    cookie = served.log_in()
    content = bytes(range(256)) * 20_000
    answer = served.upload(cookie, "%E9%9D%92%E7%9F%B3%E6%A1%A5.txt", content)
    assert answer.status == 201
    token = json.loads(answer.body)["token"]
    (path,) = served.inbox.claim(served.session_of(cookie), [token])
    assert path.name == "青石桥.txt"
    assert path.read_bytes() == content
    path.unlink()


def test_without_a_session_nothing_is_taken(served):
    before = files(served)
    assert served.request("POST", "/upload", b"x" * 1000, x_file_name="a.txt").status == 401
    assert files(served) == before


def test_gradios_own_way_in_is_closed(served):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    )
    answer = served.request(
        "POST", "/gradio_api/upload", body, cookie=served.log_in(),
        content_type="multipart/form-data; boundary=b",
    )  # fmt: skip
    assert answer.status == 404


def test_a_file_too_large_is_refused_by_what_it_says_and_by_what_it_is(served, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_FILE", 100_000)
    cookie, before = served.log_in(), files(served)
    answer = served.upload(cookie, "a.txt", b"x" * 100_001)
    assert (answer.status, json.loads(answer.body)) == (413, {"error": "too_large"})
    chunk = b"%x\r\n%s\r\n" % (60_000, b"x" * 60_000)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: {served.host}\r\nCookie: {cookie}\r\n"
        "X-File-Name: a.txt\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    assert b"HTTP/1.1 413" in served.raw(head + chunk * 2 + b"0\r\n\r\n")
    assert files(served) == before


def test_a_sender_who_goes_away_leaves_nothing(served):
    cookie, before = served.log_in(), files(served)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: {served.host}\r\nCookie: {cookie}\r\n"
        "X-File-Name: a.txt\r\nContent-Length: 5000000\r\n\r\n"
    ).encode()
    served.raw(head + b"x" * 2_000_000, wait_s=0.3)
    for _ in range(100):
        if files(served) == before:
            break
        time.sleep(0.05)
    assert files(served) == before


def test_a_full_disk_is_said(served, monkeypatch):
    monkeypatch.setattr(module, "KEPT_FREE", 2**62)
    answer = served.upload(served.log_in(), "a.txt", b"x")
    assert (answer.status, json.loads(answer.body)) == (507, {"error": "no_room"})


@pytest.mark.parametrize("name", ["..%2F..%2Fx.txt", "%00", "%ff%fe", "", "<script>", "a%0d%0ab"])
def test_no_name_breaks_it(served, name):
    assert served.upload(served.log_in(), name, b"x").status == 201
