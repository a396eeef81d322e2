"""Coming in: guesses that overlap, addresses that are claimed, and a session of one's own."""

from __future__ import annotations

import asyncio
import socket

from ragapp.web.guard.attempts import FREE_ATTEMPTS
from ragapp.web.guard.password import Password
from ragapp.web.guard.proxies import parse_proxies
from tests.web.live import PASSWORD, gate_alone

RIGHT = b"password=" + PASSWORD.encode()
CONNECTIONS = 300


def answers_to(port: int, bodies: list[bytes]) -> list[int]:
    """Open a connection for each body, send all the heads, and then all the bodies."""

    async def one(body: bytes, heads: asyncio.Barrier) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /login HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n"
            % (port, len(body))
        )
        await writer.drain()
        await heads.wait()
        await asyncio.sleep(0.2)
        try:
            writer.write(body)
            line = await reader.readline()
        except ConnectionError:
            return 0  # answered and closed before the body
        finally:
            writer.close()
        return int(line.split()[1]) if line else 0

    async def all_of_them() -> list[int]:
        heads = asyncio.Barrier(len(bodies))
        return await asyncio.gather(*(one(body, heads) for body in bodies))

    return asyncio.run(asyncio.wait_for(all_of_them(), 60))


def test_guesses_that_overlap_are_counted_one_by_one(locked):
    """The defence counts an attempt before its body; counting after it, all 300 get through."""
    answers = answers_to(locked.port, [b"password=wrong"] * CONNECTIONS + [RIGHT])
    assert answers.count(401) <= FREE_ATTEMPTS
    assert 303 not in answers
    assert locked.request("POST", "/login", RIGHT).status == 429


def test_an_attempt_that_is_not_allowed_is_answered_before_its_password_is_read(locked):
    for _ in range(FREE_ATTEMPTS):
        assert locked.request("POST", "/login", b"password=wrong").status == 401
    head = b"POST /login HTTP/1.1\r\nHost: %s\r\nContent-Length: 9\r\n\r\n" % locked.host.encode()
    answer = locked.raw(head)
    assert answer.startswith(b"HTTP/1.1 429")
    assert b"retry-after:" in answer


def test_a_forwarding_header_is_not_believed(locked):
    answers = [
        locked.request(
            "POST", "/login", b"password=wrong", x_forwarded_for=f"198.51.100.{number}",
            forwarded=f"for=198.51.100.{number}", x_real_ip=f"198.51.100.{number}",
        ).status
        for number in range(FREE_ATTEMPTS + 1)
    ]  # fmt: skip
    assert answers == [401] * FREE_ATTEMPTS + [429]


def test_behind_a_proxy_that_is_named_people_are_told_apart():
    with gate_alone(PASSWORD, proxies=parse_proxies("127.0.0.1")) as served:
        guesser = {"x_forwarded_for": "203.0.113.5, 198.51.100.1"}  # the first is made up
        for _ in range(FREE_ATTEMPTS):
            assert served.request("POST", "/login", b"password=wrong", **guesser).status == 401
        assert served.request("POST", "/login", RIGHT, **guesser).status == 429
        other = {"x_forwarded_for": "198.51.100.2", "x_forwarded_proto": "https"}
        entered = served.request("POST", "/login", RIGHT, **other)
        assert entered.status == 303
        assert "; Secure" in entered.cookies[0]
        assert entered.cookies[0].startswith("__Host-")


def test_a_form_that_never_ends_is_a_wrong_password(locked):
    answer = locked.request("POST", "/login", b"password=" + b"x" * 10_000)
    assert answer.status == 401


def test_forms_of_every_kind_are_answered(locked):
    for body in (b"", b"\xff\xfe", b"&" * 100, b"password=%ff%fe"):
        assert locked.request("POST", "/login", body).status in (401, 429)


def test_the_password_page_runs_nothing_and_is_never_framed(locked):
    page = locked.request("GET", "/login", accept_language="zh-CN")
    assert "请输入密码" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"


def test_a_token_left_by_somebody_else_is_replaced(locked):
    planted = locked.log_in()
    entered = locked.request("POST", "/login", RIGHT, cookie=planted)
    assert entered.cookies[0].partition(";")[0] != planted
    assert locked.request("GET", "/", cookie=planted).status == 303
    for token in ("a" * 43, ""):
        made_up = f"{locked.cookie_name}={token}"
        entered = locked.request("POST", "/login", RIGHT, cookie=made_up)
        assert token == "" or token not in entered.cookies[0]


def test_the_cookie_is_kept_from_scripts_sites_and_other_ports(locked):
    cookie = locked.request("POST", "/login", RIGHT).cookies[0]
    assert cookie.startswith(f"ragapp_{locked.port}=")
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie


def test_the_server_goes_on_while_passwords_are_hashed():
    async def check() -> tuple[list[bool], int]:
        password, turns = Password("right"), 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        going_on = asyncio.create_task(others())
        guesses = ("", "Right", "right ", "right", "right\x00")
        found = await asyncio.gather(*map(password.matches, guesses))
        going_on.cancel()
        return found, turns

    found, turns = asyncio.run(check())
    assert found == [False, False, False, True, False]
    assert turns > len(found)


def test_who_connects_and_says_nothing_keeps_nobody_out(locked):
    silent = [socket.create_connection(("127.0.0.1", locked.port)) for _ in range(200)]
    try:
        assert locked.request("POST", "/login", RIGHT).status == 303
    finally:
        for connection in silent:
            connection.close()
