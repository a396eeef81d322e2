"""The drop zone in a real browser: click, keyboard, drag; what goes wrong is said in words."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FileChooser, Page, expect

from ragapp.web import inbox
from tests.web.conftest import opened
from tests.web.live import Live, live

pytestmark = pytest.mark.slow

PRESSES, PRESS_MS = 15, 2000
"""Soon after it is loaded a page is drawn again in the language of its reader, perhaps slowly."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Without models: files arrive and are lined up, and reading them fails and says so."""
    folder = tmp_path_factory.mktemp("drop")
    with live(folder / "home", folder / "models") as running:
        yield running


def address(served: Live) -> str:
    return f"http://{served.host}"


def dropped(page: Page, selector: str, *names: str) -> None:
    """Drop files as a person does; returns when the page has seen them."""
    page.evaluate(
        """([selector, names]) => {
          const carried = new DataTransfer();
          for (const name of names) carried.items.add(new File(['text of ' + name], name));
          const target = document.querySelector(selector);
          for (const kind of ['dragenter', 'dragover', 'drop']) {
            target.dispatchEvent(new DragEvent(kind,
              {dataTransfer: carried, bubbles: true, cancelable: true}));
          }
        }""",
        [selector, list(names)],
    )


def test_files_that_are_dropped_are_lined_up(served: Live, browser: Browser) -> None:
    with opened(browser, address(served)) as page:
        dropped(page, "#drop .drop-zone", "one.txt", "二.txt")
        expect(page.locator("#files li")).to_have_count(2)
        expect(page.locator("#files .name").nth(1)).to_have_text("二.txt")
        expect(page.locator("#sending li")).to_have_count(0)


@pytest.mark.parametrize("name", ["😀" + "a" * 195 + ".txt", "half \ud83d.txt", "b." + "章" * 240])
def test_a_name_of_any_kind_does_not_keep_the_others_from_arriving(
    served: Live, browser: Browser, name: str
) -> None:
    """The first is cut within its first character, unless characters are counted."""
    with opened(browser, address(served)) as page:
        page.evaluate(
            """(name) => {
              const carried = new DataTransfer();
              for (const each of [name, 'after.txt']) carried.items.add(new File(['text'], each));
              document.querySelector('#drop .drop-zone').dispatchEvent(new DragEvent('drop',
                {dataTransfer: carried, bubbles: true, cancelable: true}));
            }""",
            name,
        )
        expect(page.locator("#files .name").last).to_have_text("after.txt")
        expect(page.locator("#sending li")).to_have_count(0)


def test_a_drop_beside_the_zone_does_not_replace_the_page(served: Live, browser: Browser) -> None:
    with opened(browser, address(served)) as page:
        dropped(page, "#chat", "one.txt")
        expect(page.locator("#sending li")).to_have_count(0)
        expect(page.locator("#question textarea")).to_be_visible()


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_opens_the_choice_of_files(
    served: Live, browser: Browser, tmp_path: Path, key: str
) -> None:
    file = tmp_path / "by hand.txt"
    file.write_text("text")
    with opened(browser, address(served), "zh-CN") as page:
        chooser = page.get_by_label("添加文档")
        chosen: list[FileChooser] = []
        page.on("filechooser", lambda opened: chosen.append(opened))
        for _ in range(PRESSES):  # what is drawn anew in between has lost the focus
            chooser.press(key)
            page.wait_for_timeout(PRESS_MS)
            if chosen:
                break
        assert chosen, "no choice of files was opened"
        chosen[0].set_files(file)
        expect(page.locator("#files .name").last).to_have_text("by hand.txt")


@pytest.mark.parametrize(
    ("locale", "said"), [("en-US", "There is no room for this file"), ("zh-CN", "空间不足")]
)
def test_a_file_that_is_not_taken_says_why(
    served: Live, browser: Browser, monkeypatch: pytest.MonkeyPatch, locale: str, said: str
) -> None:
    monkeypatch.setattr(inbox, "KEPT_FREE", 2**62)
    with opened(browser, address(served), locale) as page:
        expect(page.locator("#send")).to_have_text("提问" if locale == "zh-CN" else "Ask")
        dropped(page, "#drop .drop-zone", "<img src=x onerror=window.hacked=1>.txt")
        failed = page.locator("#sending li.failed")
        expect(failed).to_contain_text(said)
        expect(failed.locator(".name")).to_have_text("<img src=x onerror=window.hacked=1>.txt")
        assert page.evaluate("window.hacked") is None


def test_the_page_asks_for_nothing_that_is_refused(served: Live, browser: Browser) -> None:
    """A new version of Gradio that asks for more is seen here."""
    refused: list[str] = []
    with opened(browser, address(served)) as page:
        page.on("response", lambda r: refused.append(r.url) if r.status >= 400 else None)
        page.reload()
        page.wait_for_selector("#evidence .hint", state="attached")
        dropped(page, "#drop .drop-zone", "one.txt")
        expect(page.locator("#files li")).to_have_count(1)
        page.locator("#language input[value=zh]").check(force=True)
        expect(page.locator("#send")).to_have_text("提问")
        page.locator("#question textarea").fill("Is anybody there?")
        page.keyboard.press("Enter")
        expect(page.locator("#live .exchange")).to_be_visible()
    assert refused == []


def test_a_session_that_is_over_leads_to_a_new_one(served: Live, browser: Browser) -> None:
    with opened(browser, address(served)) as page:
        (cookie,) = page.context.cookies()
        served.gate._sessions.end(cookie["value"])
        with page.expect_navigation():
            page.locator("#question textarea").fill("Is anybody there?")
            page.keyboard.press("Enter")
        expect(page.locator("#send")).to_be_visible()
        assert page.context.cookies()[0]["value"] != cookie["value"]
        page.locator("#question textarea").fill("Is anybody there?")
        page.keyboard.press("Enter")
        expect(page.locator("#live .exchange")).to_be_visible()


def test_another_site_can_neither_run_here_nor_read(served: Live, browser: Browser) -> None:
    """It sends the browser to every address that once gave it a foothold."""
    requested: list[str] = []
    before = len(served.inbox)

    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<script>document.title = 'ran'</script>evil")

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    evil = f"http://localhost:{server.server_port}"
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(address(served))
        page.goto(evil)
        requested.clear()
        for path in (
            f"/gradio_api/file={evil}/x.png",
            f"/file={evil}/x",
            f"/gradio_api/proxy={evil}/",
        ):
            page.goto(evil)
            with page.expect_navigation():
                page.evaluate("to => { location.href = to; }", address(served) + path)
            assert page.title() != "ran"
            expect(page.locator("body")).to_have_text("There is nothing here.")
        assert [path for path in requested if path not in ("/", "/favicon.ico")] == []
        page.goto(evil)
        seen = page.evaluate(
            """async (to) => {
              const tried = [];
              for (const [path, init] of [['/', {}], ['/theme.css', {}],
                  ['/gradio_api/queue/join', {method: 'POST', body: '{}'}],
                  ['/upload', {method: 'POST', body: 'x'}]]) {
                try {
                  const answer = await fetch(to + path, {credentials: 'include', ...init});
                  tried.push(await answer.text());
                } catch (error) { tried.push('refused'); }
              }
              return tried;
            }""",
            address(served),
        )
        assert seen == ["refused"] * 4
    finally:
        context.close()
        server.shutdown()
    assert len(served.inbox) == before
