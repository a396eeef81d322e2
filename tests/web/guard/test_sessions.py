"""Sessions end by age, by rest and by logout; their number and their pages are bounded."""

from ragapp.web.guard.cookie import Cookie
from ragapp.web.guard.sessions import (
    IDLE_S,
    LONGEST_S,
    MOST_PAGES,
    MOST_SESSIONS,
    SILENT_S,
    Sessions,
)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_session_ends_when_it_rests_too_long():
    clock = Clock()
    sessions = Sessions(clock)
    token, session = sessions.begin()
    clock.now = IDLE_S - 1
    assert sessions.find(token) is session
    clock.now += IDLE_S
    assert sessions.find(token) is None
    assert session.ended.is_set()


def test_a_session_ends_however_much_it_is_used():
    clock = Clock()
    sessions = Sessions(clock)
    token, _ = sessions.begin()
    while clock.now < LONGEST_S - IDLE_S:
        clock.now += IDLE_S / 2
        assert sessions.find(token)
    clock.now = LONGEST_S
    assert sessions.find(token) is None


def test_their_number_is_bounded_and_who_works_is_kept():
    sessions = Sessions(Clock())
    working, session = sessions.begin()
    assert sessions.page(session, "page")
    for _ in range(MOST_SESSIONS + 10):
        sessions.begin()
    assert len(sessions) == MOST_SESSIONS
    assert sessions.find(working) is session


def test_the_pages_of_a_session_are_bounded_and_freed_with_it():
    sessions = Sessions(Clock())
    token, session = sessions.begin()
    _, other = sessions.begin()
    for number in range(MOST_PAGES + 1):
        assert sessions.page(session, f"p{number}")
    assert len(session.pages) == MOST_PAGES
    assert sessions.page(other, "p1") is None
    sessions.end(token)
    assert sessions.page(other, "p1")


def test_a_page_is_there_while_it_listens_and_a_moment_longer():
    clock = Clock()
    sessions = Sessions(clock)
    token, session = sessions.begin()
    page = sessions.page(session, "p")
    assert sessions.is_there(session, page)
    page.streams = 1
    clock.now = SILENT_S * 5
    assert sessions.is_there(session, page)
    page.streams = 0
    assert not sessions.is_there(session, page)
    page.streams = 1
    sessions.end(token)
    assert not sessions.is_there(session, page)


def test_tokens_are_long_and_ids_tell_nothing_of_them():
    sessions = Sessions(Clock())
    made = [sessions.begin() for _ in range(50)]
    assert len({token for token, _ in made}) == len({session.id for _, session in made}) == 50
    assert all(len(token) >= 43 and session.id not in token for token, session in made)


def test_a_cookie_is_read_by_its_own_name_and_once():
    cookie = Cookie(7860, secure=False)
    assert cookie.token("ragapp_7861=other; ragapp_7860=mine; a=b") == "mine"
    assert cookie.token("ragapp_7860=mine; ragapp_7860=theirs") == ""
    assert cookie.token("") == ""
    assert "Secure" not in cookie.with_token("t")
    assert Cookie(7860, secure=True).with_token("t").endswith("; Secure")
