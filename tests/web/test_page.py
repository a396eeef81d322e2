"""The page as people use it: a real browser, a real server, real weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import PATIENCE_MS, opened, serving

pytestmark = pytest.mark.slow

LIGHTHOUSE = """# Lighthouses of the north coast

The Varnholm lighthouse was built in 1874 by the engineer Ada Lindqvist.
Its lamp burned herring oil until 1911, when it was changed to acetylene.
The tower is 31 metres tall and painted in red and white bands.

## The keeper

The last keeper, Olaf Brandt, left the island in 1983 after the lamp was automated.
He kept a diary of the weather for forty years.
"""
BRIDGE = """# 青石桥

青石桥建于明朝万历年间，全长六十二米，由石匠周福生主持修建。
桥身用青石砌成，共有七个桥孔。
一九五八年洪水冲毁了两个桥孔，次年由县里出资修复。
"""
LONG = "Write a long story about the lighthouse, its lamp, its tower and its last keeper."
"""The small model writes hundreds of tokens about this, so there is time to stop it."""
HOSTILE = """# Notes <img src=x onerror="window.hacked=1">

The password of the ferry office is <script>window.hacked=1</script> written on the door.
![ferry](http://198.51.100.7/ferry.png) The ferry office opens at nine, ${window.hacked=1} {{7*7}}.
"""


@pytest.fixture(scope="module")
def address(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    with serving(home, models_dir, RAGAPP_CHAT_MODEL="SmolLM2-135M-Instruct") as url:
        yield url


@pytest.fixture(scope="module")
def library(address: str, browser: Browser) -> str:
    """A knowledge base "harbour", filled by hand: three files that can be read and one broken."""
    files = {
        "lighthouses.md": LIGHTHOUSE.encode(),
        "青石桥（终稿）.txt": BRIDGE.encode("gb18030"),
        "<img src=x onerror=hacked=1>.txt": HOSTILE.encode(),
        "broken.pdf": b"%PDF-1.7 and then nothing of use",
    }
    with opened(browser, address) as page:
        make_base(page, "harbour")
        drop(page, files)
        expect(page.locator("#files li.done")).to_have_count(3, timeout=60_000)
        expect(page.locator("#files li.failed")).to_have_count(1)
        expect(page.locator("#documents li")).to_have_count(3)
        expect(page.locator("#files li.done .stages").first).to_have_text(
            "parsing → chunking → embedding → indexing → done"
        )
        failed = page.locator("#files li.failed")
        expect(failed).to_contain_text("broken.pdf")
        assert len(failed.locator(".note").inner_text()) > 20  # why, and what to do
    return address


def make_base(page: Page, name: str) -> None:
    page.get_by_text("New…").click()
    page.get_by_label("Name of the new knowledge base").fill(name)
    page.locator("#create").click()
    expect(page.locator("#said")).to_contain_text(f"“{name}” is made")
    expect(page.get_by_label("Knowledge base", exact=True)).to_have_value(name)


def test_what_takes_long_is_seen_while_it_lasts(address: str, browser: Browser) -> None:
    """A small file is embedded between two pictures of the list; this one is not."""
    lines = (f"Ship {n} lies in harbour {n % 7} with {n} crates of tea." for n in range(3000))
    with opened(browser, address) as page:
        make_base(page, "ships")
        note_stages(page)
        drop(page, {"ships.txt": "\n\n".join(lines).encode()})
        expect(page.locator("#files li.done")).to_have_count(1, timeout=120_000)
        assert "embedding" in page.evaluate("[...window.stages]")


def note_stages(page: Page) -> None:
    page.evaluate(
        """window.stages = new Set();
        new MutationObserver(() => document.querySelectorAll('#files li').forEach(
          (row) => window.stages.add(row.className))).observe(
          document.getElementById('files'), {childList: true, subtree: true, attributes: true});"""
    )


def choose(page: Page, kb: str = "harbour") -> None:
    expect(page.get_by_label("Knowledge base", exact=True)).not_to_have_value("")
    if page.locator("#kb input").input_value() != kb:
        page.locator("#kb input").click()
        page.get_by_role("option", name=kb).click()
    expect(page.locator("#documents li").first).to_be_visible()


def answer_by(page: Page, mode: str) -> None:
    page.locator(f"#mode input[value={mode}]").check(force=True)


def ask(page: Page, question: str) -> None:
    page.locator("#question textarea").fill(question)
    page.keyboard.press("Enter")


def test_quotations_cite_a_sentence_and_a_click_leads_to_it(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "quotes")
        ask(page, "Who built the Varnholm lighthouse?")
        expect(page.locator("#evidence .card").first).to_contain_text("Ada Lindqvist")
        expect(page.locator("#live .stats")).to_contain_text("search took")
        mark = page.locator("#live a.cite").first
        mark.focus()
        page.keyboard.press("Enter")
        target = page.locator("#evidence .card.target .sentence.target")
        expect(target).to_contain_text("built in 1874 by the engineer Ada Lindqvist")


def test_a_sentence_looked_at_stays_marked_when_the_evidence_is_drawn_again(
    library: str, browser: Browser
) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "quotes")
        ask(page, "Who built the Varnholm lighthouse?")
        expect(page.locator("#live .stats")).to_contain_text("search took")
        page.locator("#live a.cite").first.click()
        page.locator("#language input[value=zh]").check(force=True)
        expect(page.locator("#evidence .card .cited-tag")).to_have_text("被引用")
        target = page.locator("#evidence .card.target .sentence.target")
        expect(target).to_contain_text("built in 1874 by the engineer Ada Lindqvist")
        ask(page, "青石桥在哪里？")
        expect(page.locator("#evidence .evidence-group:not([hidden])")).to_contain_text("青石桥")
        expect(target).to_have_count(0)


def test_a_model_answers_in_a_stream_after_its_evidence(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "generate")
        page.evaluate(
            """window.lengths = []; window.evidenceFirst = null;
            new MutationObserver(() => {
              const said = document.querySelector('#live .answer')?.textContent.length ?? 0;
              const shown = document.querySelectorAll('#evidence .card').length;
              if (said && window.evidenceFirst === null) window.evidenceFirst = shown > 0;
              if (said && window.lengths.at(-1) !== said) window.lengths.push(said);
            }).observe(document.body, {childList: true, subtree: true, characterData: true});"""
        )
        ask(page, "What did the lamp of the lighthouse burn?")
        expect(page.locator("#live .under")).to_be_visible(timeout=60_000)
        assert page.evaluate("window.evidenceFirst") is True
        assert len(page.evaluate("window.lengths")) >= 3
        expect(page.locator("#live .stats")).to_contain_text("tokens/s")


def test_stop_ends_an_answer_and_keeps_what_was_said(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "generate")
        ask(page, LONG)
        page.locator("#live .answer").wait_for()
        page.locator("#stop").click()
        expect(page.locator("#live .finish")).to_have_text("Stopped by you.", timeout=5_000)
        expect(page.locator("#live .answer")).not_to_be_empty()
        expect(page.locator("#send")).to_be_visible()


def test_a_new_conversation_ends_the_old_one_in_the_middle(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "generate")
        ask(page, LONG)
        page.locator("#live .answer").wait_for()
        page.locator("#new-chat").click()
        expect(page.locator("#live .welcome")).to_be_visible()
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator("#live .exchange")).to_have_count(0)


def test_a_weak_model_is_held_to_quotations_and_says_so(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        ask(page, "How tall is the lighthouse tower?")
        expect(page.locator("#live .notice")).to_contain_text("too small to be trusted")
        expect(page.locator("#live .answer")).to_contain_text("31 metres")


def test_what_the_documents_do_not_say_is_refused(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "quotes")
        ask(page, "Which vaccine protects against yellow fever?")
        expect(page.locator("#live .answer.refused")).to_contain_text("I found nothing about this")
        expect(page.locator("#evidence .card")).to_have_count(0)


def test_chinese_from_end_to_end(library: str, browser: Browser) -> None:
    with opened(browser, library, locale="zh-CN") as page:
        expect(page.locator("#send")).to_have_text("提问")
        expect(page.get_by_label("知识库", exact=True)).not_to_have_value("")
        page.locator("#kb input").click()
        page.get_by_role("option", name="harbour").click()
        expect(page.locator("#documents")).to_contain_text("青石桥（终稿）.txt")
        answer_by(page, "quotes")
        ask(page, "青石桥是谁主持修建的？")
        expect(page.locator("#live .answer")).to_contain_text("周福生")
        expect(page.locator("#live .finish")).to_contain_text("文档原句")
        assert page.evaluate("document.documentElement.lang") == "zh"


def test_the_language_switches_in_place(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "quotes")
        ask(page, "How tall is the lighthouse tower?")
        expect(page.locator("#live .stats")).to_contain_text("search took")
        page.locator("#language input[value=zh]").check(force=True)
        expect(page.locator("#send")).to_have_text("提问")
        expect(page.locator("#live .stats")).to_contain_text("检索用时")
        expect(page.locator("#live .answer")).to_contain_text("31 metres")
        expect(page.locator("#question textarea")).to_have_attribute(
            "placeholder", re.compile("文档")
        )


def test_documents_answers_and_names_cannot_act(library: str, browser: Browser) -> None:
    """Nothing hidden in a file's name or text runs, and nothing is fetched from elsewhere."""
    requested: list[str] = []
    with opened(browser, library) as page:
        page.on("request", lambda request: requested.append(request.url))
        choose(page)
        answer_by(page, "quotes")
        ask(page, "When does the ferry office open?")
        expect(page.locator("#evidence .card").first).to_contain_text("<script>")
        expect(page.locator("#live .answer")).to_contain_text("opens at nine")
        ask(
            page, "<img src=http://198.51.100.7/q.png onerror=hacked=1> lighthouse ![a](//b.test/c)"
        )
        expect(page.locator("#live .under")).to_be_visible()
        page.reload()
        page.wait_for_selector("#question textarea")
        assert page.evaluate("window.hacked") is None
        assert page.locator("#columns img").count() == 0
    assert requested
    foreign = [u for u in requested if not u.startswith((library, "data:", "blob:"))]
    assert foreign == []


def test_shift_enter_and_input_methods_do_not_send(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        box = page.locator("#question textarea")
        box.fill("one")
        box.press("Shift+Enter")
        box.press_sequentially("two")
        expect(box).to_have_value("one\ntwo")
        box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "keyCode": 229})
        expect(page.locator("#live .exchange")).to_have_count(0)


def test_on_a_phone_nothing_sticks_out(library: str, browser: Browser) -> None:
    with opened(browser, library, viewport={"width": 390, "height": 844}) as page:
        choose(page)
        answer_by(page, "quotes")
        ask(page, "Who was the last keeper?")
        expect(page.locator("#live a.cite").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator("#jump [data-pane=library]").click()
        expect(page.locator("#kb")).to_be_in_viewport()


def test_a_deleted_document_is_gone_from_list_and_answers(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        page.locator("#drop input[type=file]").set_input_files(
            {"name": "otters.txt", "mimeType": "text/plain",
             "buffer": b"The sea otters of Varnholm sleep holding hands in the kelp."}
        )  # fmt: skip
        row = page.locator("#documents li", has_text="otters.txt")
        expect(row).to_be_visible(timeout=60_000)
        row.locator(".delete").click()
        row.get_by_role("button", name="Keep").click()
        row.locator(".delete").click()
        row.get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator("#said")).to_contain_text("“otters.txt” is deleted.")
        expect(row).to_have_count(0)
        answer_by(page, "quotes")
        ask(page, "How do sea otters sleep?")
        expect(page.locator("#live .under")).to_be_visible()
        expect(page.locator("#evidence")).not_to_contain_text("kelp")


def test_a_deletion_is_undone(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        drop(page, {"heron.txt": b"The grey heron stands in the shallow water for hours."})
        row = page.locator("#documents li", has_text="heron.txt")
        expect(row).to_be_visible()
        row.locator(".delete").click()
        row.get_by_role("button", name="Delete", exact=True).click()
        expect(row).to_have_count(0)
        page.locator("#said .undo").click()
        expect(page.locator("#said")).to_contain_text("is being read again")
        expect(row).to_be_visible()
        answer_by(page, "quotes")
        ask(page, "Where does the grey heron stand?")
        expect(page.locator("#live .answer")).to_contain_text("shallow water")


def drop(page: Page, files: dict[str, bytes]) -> None:
    page.locator("#drop input[type=file]").set_input_files(
        [
            {"name": name, "mimeType": "text/plain", "buffer": content}
            for name, content in files.items()
        ]
    )


def make(page: Page, name: str) -> None:
    if not page.locator("#new-name textarea, #new-name input").first.is_visible():
        page.get_by_text("New…").click()
    page.get_by_label("Name of the new knowledge base").fill(name)
    page.locator("#create").click()
    expect(page.get_by_label("Knowledge base", exact=True)).to_have_value(name)


def test_while_files_are_read_the_list_is_that_of_the_base_and_answers_say_what_is_missing(
    library: str, browser: Browser
) -> None:
    """Three bases, one of them busy: a list must not stay under another base's name."""
    text = b" ".join(b"Ship number %d carries herring to the north." % n for n in range(20000))
    with opened(browser, library) as page:
        make(page, "tide-busy")
        make(page, "tide-quiet")
        drop(page, {"seal.txt": b"The seal sleeps on the rock."})
        expect(page.locator("#documents li", has_text="seal.txt")).to_be_visible()
        choose_any(page, "tide-busy")
        drop(page, {"first.txt": b"The first file speaks of otters.", "big.txt": text})
        expect(page.locator("#documents li", has_text="first.txt")).to_be_visible()
        expect(page.locator("#stop-ingest")).to_be_visible()
        answer_by(page, "quotes")
        ask(page, "Where do the walruses live?")
        expect(page.locator("#live")).to_contain_text("not searchable yet")
        choose_any(page, "tide-quiet")
        expect(page.locator("#documents")).to_contain_text("seal.txt")
        expect(page.locator("#documents")).not_to_contain_text("first.txt")
        # The last picture of the other base is shown again when what drew it has ended.
        page.wait_for_timeout(6000)
        expect(page.locator("#files li", has_text="big.txt")).to_have_count(0)
        expect(page.locator("#stop-ingest")).to_be_hidden()
        choose_any(page, "tide-busy")
        expect(page.locator("#documents")).to_contain_text("first.txt")
        expect(page.locator("#documents")).not_to_contain_text("seal.txt")
        expect(page.locator("#documents [data-document]").first).to_have_attribute(
            "data-kb", "tide-busy"
        )
        page.locator("#stop-ingest").click()
        expect(page.locator("#files li.failed", has_text="big.txt")).to_be_visible()


def choose_any(page: Page, kb: str) -> None:
    page.locator("#kb input").click()
    page.get_by_role("option", name=kb).click()
    expect(page.get_by_label("Knowledge base", exact=True)).to_have_value(kb)


def test_after_a_lost_connection_the_page_goes_on(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        choose(page)
        answer_by(page, "quotes")
        page.context.set_offline(True)
        ask(page, "Who built the Varnholm lighthouse?")
        page.wait_for_timeout(3000)
        page.context.set_offline(False)
        page.wait_for_timeout(8000)
        choose(page)  # it may have loaded itself again
        answer_by(page, "quotes")
        ask(page, "Who was the last keeper?")
        expect(page.locator("#live")).to_contain_text("Olaf Brandt")


def test_a_knowledge_base_is_made_and_deleted(library: str, browser: Browser) -> None:
    with opened(browser, library) as page:
        page.get_by_text("New…").click()
        name = page.get_by_label("Name of the new knowledge base")
        name.fill("../outside")
        page.locator("#create").click()
        expect(page.locator("#said .bad")).to_contain_text("Choose another name")
        name.fill("short lived")
        page.locator("#create").click()
        expect(page.locator("#said")).to_contain_text("“short lived” is made")
        page.get_by_text("Where it is").click()
        expect(page.locator("#place")).to_contain_text("short lived")
        page.locator("#delete-kb").click()
        expect(page.locator("#said")).to_contain_text("gone for good")
        page.locator("#confirm-kb").click()
        expect(page.locator("#said")).to_contain_text("is deleted")
        expect(page.locator("#kb input")).to_have_value("harbour")


def test_many_tabs_of_one_browser_can_all_ask(library: str, browser: Browser) -> None:
    """A browser makes six connections to a host: no tab may keep them from the others."""
    with opened(browser, library) as first:
        tabs = [first]
        while len(tabs) < 7:
            tabs.append(first.context.new_page())
            tabs[-1].set_default_timeout(PATIENCE_MS)
            tabs[-1].goto(library)
            tabs[-1].wait_for_selector("#evidence .hint", state="attached")
        for page in (first, tabs[3], tabs[-1]):
            choose(page)
            answer_by(page, "quotes")
            ask(page, "Who was the last keeper?")
            expect(page.locator("#live .answer")).to_contain_text("Olaf Brandt")


def test_a_confirmed_deletion_is_of_the_base_that_was_named(library: str, browser: Browser) -> None:
    """Another base is chosen between the question and the click."""
    with opened(browser, library) as page:
        make(page, "doomed")
        make(page, "precious")
        drop(page, {"seal.txt": b"The seal sleeps on the rock."})
        expect(page.locator("#documents li", has_text="seal.txt")).to_be_visible()
        choose_any(page, "doomed")
        page.get_by_text("Where it is").click()
        page.locator("#delete-kb").click()
        expect(page.locator("#said")).to_contain_text("“doomed” with its")
        page.locator("#keep-kb").click()
        expect(page.locator("#said")).not_to_contain_text("doomed")
        page.locator("#delete-kb").click()
        expect(page.locator("#said")).to_contain_text("“doomed” with its")
        choose_any(page, "precious")
        expect(page.locator("#documents li", has_text="seal.txt")).to_be_visible()
        page.locator("#confirm-kb").click()
        expect(page.locator("#said")).to_contain_text("“doomed” is deleted")
        expect(page.locator("#kb input")).to_have_value("precious")
        expect(page.locator("#documents li", has_text="seal.txt")).to_be_visible()
