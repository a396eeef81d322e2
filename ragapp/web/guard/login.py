"""The login: a form with one field, and what is answered to a password."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from ragapp.web.guard.attempts import Attempts
from ragapp.web.guard.password import Password
from ragapp.web.language import choose_interface
from ragapp.words.interface import STRINGS

LOGIN_PAGE = Path(__file__).parent.parent / "static" / "login.html"
LONGEST_FORM = 4096  # bytes
LONGEST_WAIT_S = 10.0
"""For the password of an attempt that was begun."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: a page to answer with, or ``html`` None for a right password."""

    status: int
    html: str | None
    wait_s: int = 0


class Login:
    """Checks passwords, as often as ``Attempts`` allows."""

    def __init__(self, password: str, language: str, attempts: Attempts) -> None:
        self._password = Password(password)
        self._language = language
        self._attempts = attempts

    async def attempt(
        self,
        network: str,
        body: AsyncIterator[bytes],
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Outcome:
        """Read and check one password. The attempt is counted before the first byte is read."""
        strings = STRINGS[self._interface(query, headers)]
        wait = self._attempts.reserve(network)
        if wait > 0:
            seconds = int(wait) + 1
            message = strings.too_many.format(seconds=seconds)
            return Outcome(429, self.form(query, headers, message), seconds)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                guess = await _password_of(body)
        except TimeoutError:
            guess = None
        if guess is None or not await self._password.matches(guess):
            return Outcome(401, self.form(query, headers, strings.wrong_password))
        self._attempts.succeeded(network)
        return Outcome(303, None)

    def _interface(self, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        accepted = headers.get("accept-language", "")
        return choose_interface(self._language, query.get("lang"), accepted)

    def form(self, query: Mapping[str, str], headers: Mapping[str, str], message: str = "") -> str:
        """Return the page with the form, and what there is to say about the last attempt."""
        strings = STRINGS[self._interface(query, headers)]
        html = LOGIN_PAGE.read_text(encoding="utf-8")
        for key, value in {
            "lang": strings.html_lang,
            "title": strings.login_title,
            "password": strings.password,
            "login": strings.login,
            "message": message,
        }.items():
            html = html.replace(f"[[{key}]]", escape(value))
        return html


async def _password_of(body: AsyncIterator[bytes]) -> str | None:
    """Return the password in a form, None when the form is too long or is none."""
    form = b""
    async for part in body:
        form += part
        if len(form) > LONGEST_FORM:
            return None
    try:
        fields = parse_qs(form.decode(errors="replace"), max_num_fields=8)
    except ValueError:
        return None
    return fields.get("password", [""])[0]
