"""An event names no file, whatever it looks like, and reaches only what is its own."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from ragapp.people import LOCAL
from ragapp.web.guard import sessions
from ragapp.web.guard.events import MalformedEvent, parse_event
from ragapp.web.visitor import MOST_OPEN_PAGES, OpenPages

SECRET = "the combination of the harbour safe is 4711"


def file_data(path):
    return {
        "path": str(path), "url": None, "size": 9, "orig_name": "a.txt", "mime_type": "text/plain",
        "meta": {"_type": "gradio.FileData"},
    }  # fmt: skip


def event(**changes):
    plain = {"session_hash": "abc123", "fn_index": 5, "trigger_id": 2, "data": ["default", "en"]}
    return json.dumps({**plain, **changes}).encode()


def test_an_event_of_the_page_passes_with_its_values_alone():
    given = event(event_data={"document": 3}, oauth_token="x", batched=True, simple_format=True)
    passed = parse_event(given)
    assert passed.page == "abc123"
    assert json.loads(passed.body) == {
        "session_hash": "abc123", "fn_index": 5, "trigger_id": 2, "data": ["default", "en"],
        "event_data": {"document": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"data": [file_data("/etc/passwd")]},
        {"data": [[file_data("/etc/passwd")]]},
        {"data": [[[["a"]]]]},
        {"data": [{"a": 1}]},
        {"data": {"0": "a"}},
        {"data": None},
        {"event_data": file_data("/etc/passwd")},
        {"event_data": {"value": file_data("/etc/passwd")}},
        {"event_data": {"tokens": [file_data("/etc/passwd")]}},
        {"event_data": {"path": "/etc/passwd"}},
        {"session_hash": "../abc"},
        {"session_hash": ""},
        {"session_hash": None},
        {"session_hash": ["abc"]},
        {"session_hash": "a" * 65},
        {"fn_index": "5"},
        {"fn_index": None},
        {"fn_index": -1},
        {"fn_index": True},
        {"trigger_id": [1]},
    ],
)
def test_anything_else_is_no_event(changes):
    with pytest.raises(MalformedEvent):
        parse_event(event(**changes))


def test_what_the_list_of_documents_sends_passes():
    row = {"kb": "default", "document": 3, "source": "/home/me/notes.txt"}
    assert json.loads(parse_event(event(event_data=row)).body)["event_data"] == row


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"{", b"[" * 100_000, b'"x"'])
def test_what_is_no_object_is_no_event(body):
    with pytest.raises(MalformedEvent):
        parse_event(body)


def test_half_a_character_becomes_a_question_mark():
    passed = parse_event(event(data=["cut \ud83d", ["\udc80"]], event_data={"source": "\ud800"}))
    given = json.loads(passed.body)
    assert given["data"] == ["cut ?", ["?"]]
    assert given["event_data"] == {"source": "?"}
    whole = "😀 芝麻\u2028\x00"
    assert json.loads(parse_event(event(data=[whole])).body)["data"] == [whole]


def test_a_second_reader_sees_what_the_first_one_saw():
    twice = b'{"session_hash": "theirs", "fn_index": 1, "data": [], "session_hash": "mine"}'
    assert parse_event(twice).page == "mine"
    assert b"theirs" not in parse_event(twice).body


def files_with_the_secret(served):
    folder = served.library.settings.home
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("where", ["data", "list", "event_data", "tokens", "url"])
def test_no_event_reads_a_file_of_the_machine(served, tmp_path, where):
    """Every handler of the page is asked to, with a file that nobody uploaded."""
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    cookie = served.log_in()
    dependencies = served.events()
    assert len(dependencies) > 15
    for dependency in dependencies:
        wanted = len(dependency["inputs"])
        file = file_data("http://127.0.0.1:9/x" if where == "url" else secret)
        data = [file if where in ("data", "url") else [file] if where == "list" else "x"] * wanted
        details = {"event_data": file, "tokens": {"tokens": [file, str(secret)]}}.get(where)
        answer = served.join(
            cookie, "forged1", dependency["id"], data or [file], event_data=details
        )
        assert answer.status == 400, dependency
    time.sleep(0.5)  # for a handler that would have been reached
    assert files_with_the_secret(served) == []


def test_a_path_in_place_of_a_token_is_refused_by_the_handler(served, tmp_path):
    """These pass the gate, for they are plain strings: the handler knows them for what they are."""
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    cookie = served.log_in()
    upload = next(d for d in served.events() if "dropped" in [t[1] for t in d["targets"]])
    for tokens in (
        [str(secret)],
        ["http://127.0.0.1:9/x"],
        ["../secret.txt"],
        [None],
        [1],
        str(secret),
    ):
        answer = served.join(
            cookie, "forged2", upload["id"], ["default", "en"], event_data={"tokens": tokens}
        )
        assert answer.status == 200
        assert "Drop them again" in served.outcome(cookie, "forged2")
    assert secret.read_text() == SECRET
    assert files_with_the_secret(served) == []
    assert served.library.names(LOCAL) == []


def test_a_token_of_somebody_else_is_refused(served):
    mine, theirs = served.log_in(), served.log_in()
    token = json.loads(served.upload(theirs, "theirs.txt", SECRET.encode()).body)["token"]
    upload = next(d for d in served.events() if "dropped" in [t[1] for t in d["targets"]])
    served.join(mine, "taken1", upload["id"], ["default", "en"], event_data={"tokens": [token]})
    assert "Drop them again" in served.outcome(mine, "taken1")
    assert len(files_with_the_secret(served)) == 1  # where the upload lies


def test_documents_and_bases_are_deleted_for_known_sessions_only(served):
    """Behind the gate, a handler that is not told who asks does nothing."""
    import gradio as gr

    from ragapp.errors import UsageError
    from ragapp.web.visitor import page_of, session_of

    class Nobody:
        state = None

    request = gr.Request(Nobody(), session_hash="abc")
    for name in (session_of, page_of):
        with pytest.raises(UsageError):
            name(request)


def test_events_are_counted_by_session(served):
    cookie = served.log_in()
    stay = next(d for d in served.events() if "load" in [t[1] for t in d["targets"]])
    pages = [f"open{number}" for number in range(MOST_OPEN_PAGES)]
    for page in pages:
        assert served.join(cookie, page, stay["id"], []).status == 200
    session = served.session_of(cookie)
    assert served.gate._events.of(session) == MOST_OPEN_PAGES
    assert served.gate._events.of("nobody") == 0


def test_every_event_of_the_page_goes_by_the_route_that_is_open(served):
    """One that skips the queue is sent to another, and a button that does so does nothing."""
    assert [d["id"] for d in served.events() if d["backend_fn"] and not d["queue"]] == []


def test_pages_of_one_session_that_stay_open_are_bounded():
    pages = OpenPages()
    others = pages.open("b", "b/1")
    first = pages.open("a", "a/0")
    again = pages.open("a", "a/0")
    assert not pages.is_open("a/0", first)
    assert pages.is_open("a/0", again)
    for number in range(MOST_OPEN_PAGES):
        pages.open("a", f"a/new{number}")
    assert not pages.is_open("a/0", again)
    assert pages.is_open("b/1", others)
    pages.close("b/1")
    assert not pages.is_open("b/1", others)


def test_a_logout_elsewhere_closes_the_streams_and_ends_what_stays_for_them(served):
    cookie = served.log_in()
    session = served.session_of(cookie)
    stay = next(d for d in served.events() if "load" in [t[1] for t in d["targets"]])
    assert served.join(cookie, "stays1", stay["id"], []).status == 200
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    path = "/gradio_api/queue/data?session_hash=stays1"
    connection.request("GET", path, headers={"cookie": cookie})
    stream = connection.getresponse()
    assert served.gate._events.of(session) == 1
    served.request("POST", "/logout", cookie=cookie)
    assert b"event_id" in stream.read()  # to its end
    connection.close()
    assert none_left(served, session)


def test_a_page_that_never_listens_keeps_no_event(served, monkeypatch):
    """One that is forged by a program, or was closed before its first event began."""
    monkeypatch.setattr(sessions, "SILENT_S", 0.5)
    cookie = served.log_in()
    stay = next(d for d in served.events() if "load" in [t[1] for t in d["targets"]])
    assert served.join(cookie, "silent1", stay["id"], []).status == 200
    assert none_left(served, served.session_of(cookie))


def none_left(served, session):
    for _ in range(100):
        if served.gate._events.of(session) == 0:
            return True
        time.sleep(0.1)
    return False
