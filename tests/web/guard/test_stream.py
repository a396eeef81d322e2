"""A stream ends with its session, and whole: the connection is not left hanging."""

from __future__ import annotations

import asyncio

import pytest

from ragapp.web.guard import stream
from ragapp.web.guard.sessions import IDLE_S, LONGEST_S, Page, Sessions
from ragapp.web.guard.stream import serve_while


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(stream, "GRACE_S", 0.2)


async def endless(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"alive", "more_body": True})
        await asyncio.sleep(0.01)


async def brief(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def broken(scope, receive, send):
    raise RuntimeError("broken")


async def tidy(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive())["type"] != "http.disconnect":
        pass
    scope["tidied"] = True


def served(app, session, clock=lambda: 0.0, meanwhile=None, scope=None):
    async def serve():
        async def send(message):
            sent.append(message)

        async def receive():
            await asyncio.sleep(60)

        serving = asyncio.ensure_future(
            serve_while(session, Page(0.0), app, scope, receive, send, clock)
        )
        await asyncio.sleep(0.05)
        if meanwhile is not None:
            meanwhile(serving)
        await asyncio.wait_for(serving, 5)

    sent = []
    asyncio.run(serve())
    return sent


def new_session():
    sessions = Sessions(lambda: 0.0)
    return sessions, *sessions.begin()


def test_a_logout_ends_it():
    sessions, token, session = new_session()
    sent = served(endless, session, meanwhile=lambda _: sessions.end(token))
    assert sent[1]["body"] == b"alive"
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_the_app_is_told_as_if_the_browser_had_gone():
    sessions, token, session = new_session()
    scope = {}
    served(tidy, session, meanwhile=lambda _: sessions.end(token), scope=scope)
    assert scope == {"tidied": True}


@pytest.mark.parametrize("age", [IDLE_S, LONGEST_S])
def test_a_session_that_is_over_has_no_stream(age):
    _, _, session = new_session()
    assert not [m for m in served(endless, session, clock=lambda: age) if m.get("more_body")]


def test_one_that_ends_by_itself_is_left_as_it_is():
    _, _, session = new_session()
    assert [m.get("body") for m in served(brief, session)] == [None, b"done"]


def test_a_failure_is_passed_on():
    _, _, session = new_session()
    with pytest.raises(RuntimeError, match="broken"):
        served(broken, session)


def test_the_servers_own_end_passes_through():
    _, _, session = new_session()
    with pytest.raises(asyncio.CancelledError):
        served(endless, session, meanwhile=lambda serving: serving.cancel())
