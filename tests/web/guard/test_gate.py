"""Hosts, origins, sites, sessions: who gets past the gate, and with what."""

from __future__ import annotations

import asyncio
import json

import pytest

from ragapp.web.guard.gate import Access, Gate
from ragapp.web.guard.headers import PAGE_POLICY
from tests.web.live import PASSWORD, NoEvents, gate_alone

JOIN = "/gradio_api/queue/join"


@pytest.fixture(scope="module")
def local():
    with gate_alone() as running:
        yield running


@pytest.fixture(scope="module")
def cookie(local):
    return local.log_in()


def seen(reply):
    return json.loads(reply.body)


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.7",
        "0.0.0.0", "[2001:db8::1]", "xn--localhst-6za",
    ],
)  # fmt: skip
def test_a_foreign_name_for_this_machine_is_refused(local, host):
    assert local.request("GET", "/", host=host).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7860", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_its_own_names_are_not(local, host):
    assert local.request("GET", "/", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "", "a b", "127.0.0.1:x", "127.0.0.1:99999999", "[::1", "::1", "[zz::1]", "u@localhost",
        "localhost/..", "localhost#", "localhost,evil", "127.0.0.1:", "[fe80::1%25eth0]",
    ],
)  # fmt: skip
def test_a_malformed_host_opens_nothing(local, host):
    assert local.request("GET", "/", host=host).status == 400


def test_no_host_and_two_hosts_open_nothing(local):
    assert b" 400" in local.raw(b"GET / HTTP/1.0\r\n\r\n").split(b"\r\n")[0]
    twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert b" 400" in local.raw(twice, 1).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "line",
    [
        b"GET http://evil.example/config HTTP/1.1",
        b"GET /gradio_api/%66ile=/etc/passwd HTTP/1.1",
        b"GET /gradio_api/file%3D/etc/passwd HTTP/1.1",
        b"GET //gradio_api/file=/etc/passwd HTTP/1.1",
        b"GET /assets/..%2f..%2fconfig HTTP/1.1",
        b"GET /assets/../gradio_api/info HTTP/1.1",
        b"GET /Gradio_API/info HTTP/1.1",
        b"GET /config? HTTP/1.1",
        b"GET /config#/ HTTP/1.1",
        b"CONNECT evil.example:443 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"get / HTTP/1.1",
    ],
)
def test_no_request_line_dodges_the_list(local, cookie, line):
    request = b"%s\r\nHost: 127.0.0.1\r\nCookie: %s\r\n\r\n" % (line, cookie.encode())
    status = local.raw(request, 1).split(b"\r\n")[0].split(b" ")
    assert status[1] in (b"400", b"404"), status


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "http://[", "http://127.0.0.1:1", "http://localhost@evil",
        "file://", "http://", "", "http://127.0.0.1.evil.example", "javascript://127.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", JOIN), ("POST", "/upload")])
def test_a_foreign_origin_is_refused(local, cookie, method, path, origin):
    assert local.request(method, path, cookie=cookie, origin=origin).status == 403


def test_its_own_origin_is_not(local, cookie):
    origin = f"http://{local.host}"
    assert local.request("POST", "/upload", b"x", cookie=cookie, origin=origin).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "path", "mode", "destination", "status"),
    [
        ("GET", "/", "navigate", "document", 200),
        ("GET", "/login", "navigate", "document", 303),  # no password here: on to the page
        ("GET", "/", "navigate", "iframe", 403),
        ("GET", "/", "no-cors", "image", 403),
        ("GET", "/", "cors", "empty", 403),
        ("POST", "/logout", "navigate", "document", 403),
        ("POST", "/login", "navigate", "document", 403),
        ("GET", "/assets/a.js", "no-cors", "script", 403),
        ("GET", "/assets/a.js", "navigate", "document", 403),
        ("GET", "/gradio_api/queue/data?session_hash=a", "navigate", "document", 403),
        ("GET", "/gradio_api/queue/data?session_hash=a", "no-cors", "image", 403),
        ("GET", "/gradio_api/file=http://evil.example/x.png", "navigate", "document", 404),
    ],
)
def test_other_sites_may_lead_to_the_page_and_do_nothing_else(
    local, cookie, site, method, path, mode, destination, status
):
    answer = local.request(
        method, path, cookie=cookie, sec_fetch_site=site, sec_fetch_mode=mode,
        sec_fetch_dest=destination,
    )  # fmt: skip
    assert answer.status == status


@pytest.mark.parametrize("destination", ["document", "iframe", "embed", "object"])
def test_nothing_but_a_page_is_shown_as_one(local, cookie, destination):
    for path in ("/assets/a.js", "/gradio_api/queue/data?session_hash=a", "/theme.css"):
        answer = local.request(
            "GET", path, cookie=cookie, sec_fetch_site="same-origin", sec_fetch_mode="navigate",
            sec_fetch_dest=destination,
        )  # fmt: skip
        assert answer.status == 403, path


def test_what_is_no_page_is_shut_into_a_sandbox(local, cookie):
    page = local.request("GET", "/", cookie=cookie)
    assert page.headers["content-security-policy"] == PAGE_POLICY
    others = [
        local.request("GET", "/assets/a.js", cookie=cookie),
        local.request("GET", "/nowhere", cookie=cookie),
        local.request("GET", "/", host="evil.example"),
        local.request("POST", "/upload", b"", cookie=cookie),
    ]
    for answer in others:
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_other_origin_is_told_that_it_may_read(local, cookie):
    for path in ("/", "/theme.css"):
        answer = local.request("GET", path, cookie=cookie)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_the_app_sees_is_what_the_gate_knows(local, cookie):
    told = seen(
        local.request(
            "GET", "/?deep_link=x&lang=en", cookie=f"other=1; {cookie}", x_forwarded_host="evil",
            x_forwarded_proto="https", x_ragapp_session="me", x_gradio_user="root",
            authorization="Basic eA==",
        )
    )  # fmt: skip
    assert set(told["headers"]) <= {"host", "accept", "accept-language", "user-agent"}
    assert told["query"] == "lang=en"
    assert told["scheme"] == "http"
    again = seen(local.request("GET", "/", cookie=cookie))
    assert told["state"]["session"] == again["state"]["session"] != "me"


def test_without_a_password_the_page_gives_a_session_and_all_else_needs_it(local):
    first = local.request("GET", "/")
    assert first.cookies
    for method, path in (("POST", "/upload"), ("POST", JOIN), ("GET", "/theme.css")):
        assert local.request(method, path, b"").status == 401, path
        forged = f"{local.cookie_name}={'a' * 43}"
        assert local.request(method, path, b"", cookie=forged).status == 401, path


def test_with_a_password_nothing_is_reached_before_it():
    with gate_alone(PASSWORD) as locked:
        assert locked.request("GET", "/").headers["location"] == "/login"
        for method, path in (("POST", "/upload"), ("POST", JOIN), ("GET", "/theme.css")):
            assert locked.request(method, path, b"").status == 401, path
        entered = locked.request("POST", "/login", b"password=" + PASSWORD.encode())
        cookie = entered.cookies[0].partition(";")[0]
        # Logged in, and still nothing for who has not opened the page.
        assert locked.request("POST", "/upload", b"", cookie=cookie).status == 404
        event = b'{"session_hash": "abc", "fn_index": 0, "data": []}'
        assert locked.request("POST", JOIN, event, cookie=cookie).status == 404
        assert locked.request("GET", "/", cookie=cookie).status == 200
        assert locked.request("POST", JOIN, event, cookie=cookie).status == 200


def test_a_logout_ends_the_session_for_whoever_holds_its_token():
    with gate_alone(PASSWORD) as locked:
        cookie = locked.log_in()
        left = locked.request("POST", "/logout", cookie=cookie)
        assert left.headers["location"] == "/login"
        assert "Max-Age=0" in left.cookies[0]
        assert locked.request("GET", "/", cookie=cookie).status == 303
        assert locked.request("GET", "/logout", cookie=cookie).status == 404


def test_a_page_belongs_to_the_session_that_named_it_first(local, cookie):
    event = b'{"session_hash": "mine1", "fn_index": 0, "data": []}'
    assert local.request("POST", JOIN, event, cookie=cookie).status == 200
    other = local.log_in()
    assert local.request("POST", JOIN, event, cookie=other).status == 404
    path = "/gradio_api/queue/data?session_hash=mine1"
    assert local.request("GET", path, cookie=other).status == 404
    assert local.request("GET", path, cookie=cookie).status == 200


def test_too_many_events_of_one_session_are_refused_and_others_go_on():
    class Busy(NoEvents):
        def of(self, session_id):
            return 100 if session_id == busy else 0

    with gate_alone() as served:
        served.gate._events = Busy()
        first, second = served.log_in(), served.log_in()
        busy = seen(served.request("GET", "/", cookie=first))["state"]["session"]
        event = b'{"session_hash": "%s", "fn_index": 0, "data": []}'
        assert served.request("POST", JOIN, event % b"a1", cookie=first).status == 429
        assert served.request("POST", JOIN, event % b"a2", cookie=second).status == 200


@pytest.mark.parametrize("kind", ["websocket", "webtransport", "anything"])
def test_no_other_kind_of_scope_reaches_the_app(kind):
    async def check():
        async def app(scope, receive, send):
            reached.append(scope["type"])

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "websocket.connect"}

        gate = Gate(app, Access("", True, 1, "en"), NoEvents())
        await gate({"type": kind, "path": "/", "headers": []}, receive, send)
        await gate({"type": "lifespan"}, receive, send)

    reached, sent = [], []
    asyncio.run(check())
    assert reached == ["lifespan"]
    assert [message["type"] for message in sent] in ([], ["websocket.close"])


def test_an_upgrade_to_a_websocket_is_a_plain_request(local, cookie):
    request = (
        b"GET /gradio_api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket"
        b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: "
        + cookie.encode() + b"\r\n\r\n"
    )  # fmt: skip
    assert b" 404" in local.raw(request, 1).split(b"\r\n")[0]


def test_the_password_is_not_in_what_is_printed():
    assert PASSWORD not in repr(Access(PASSWORD, True, 1, "en"))
