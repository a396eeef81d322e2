"""What is shown is escaped, and only what was traced to a sentence becomes a citation."""

from __future__ import annotations

import pytest

from ragapp.conversations.exchange import Exchange
from ragapp.errors import UsageError
from ragapp.types import (
    AnswerCited,
    AnswerDone,
    AnswerEvent,
    AnswerStats,
    AnswerText,
    AnswerThinking,
    Citation,
    Evidence,
    EvidenceFound,
    FinishReason,
    Progress,
    ScoredSentence,
    Stage,
)
from ragapp.uploads.queue import FileRow
from ragapp.web import render
from ragapp.words.interface import CHINESE, ENGLISH

ATTACK = '<img src=x onerror="hack()"> & <script>hack()</script>'


def cited(
    number: int, sentence: str = "A sentence.", start: int = 0, *, offset: int = 3
) -> AnswerCited:
    end = start + len(sentence)
    return AnswerCited(Citation(number, "a.md", None, sentence, start, end, document_id=1), offset)


def evidence(number: int, text: str, document: str = "a.md") -> Evidence:
    sentence = ScoredSentence(text, 10, 10 + len(text), 3, 1.0)
    return Evidence(
        number, document, "/docs/a.md", 3, ("Part", ATTACK), 10, 10 + len(text), text, 1.0,
        (sentence,), document_id=1,
    )  # fmt: skip


def exchange(*events: AnswerEvent) -> Exchange:
    made = Exchange(1, ATTACK)
    for event in events:
        made.take(event)
    return made


def answer(made: Exchange) -> str:
    return render.answer_html(made.answer, made.marks, made.number)


def test_a_traced_mark_becomes_a_link_to_its_card() -> None:
    html = answer(exchange(AnswerText("Red[2]"), AnswerText("."), cited(2, start=40)))
    assert 'href="#evidence-1-2"' in html
    assert 'data-start="40"' in html
    assert html.count("<a ") == 1


def test_an_untraced_mark_stays_text() -> None:
    assert "<a" not in answer(exchange(AnswerText("Red [2].")))


def test_a_number_that_a_quoted_document_holds_itself_stays_text() -> None:
    html = answer(exchange(AnswerText("“As Smith [1] says” [1]"), cited(1, offset=20)))
    assert "Smith [1] says" in html
    assert html.count("<a ") == 1


@pytest.mark.parametrize(
    "text",
    [
        ATTACK,
        "![x](http://evil.example/x.png)",
        "[click](javascript:hack())",
        "<http://evil.example>",
        "[r]\n\n[r]: http://evil.example",
        '```"onload=hack()\nx\n```',
        "&lt;img src=x&gt; &#60;script&#62;",
    ],
)
def test_an_answer_can_hold_no_markup_link_or_image(text: str) -> None:
    html = answer(exchange(AnswerText(text)))
    for tag in ("<img", "<script", "<a ", "href", "src=x&gt; <"):
        assert tag not in html
    assert "class=" not in html


def test_plain_markdown_is_rendered() -> None:
    html = answer(exchange(AnswerText("- **red**\n- `x < y`")))
    assert "<li><strong>red</strong></li>" in html
    assert "<code>x &lt; y</code>" in html


def test_questions_names_headings_and_excerpts_are_escaped() -> None:
    made = exchange(
        EvidenceFound((evidence(1, ATTACK, document=ATTACK),)),
        AnswerText("Yes[1]"),
        AnswerCited(Citation(1, ATTACK, 3, ATTACK, 10, 10 + len(ATTACK), document_id=1), 3),
        AnswerDone("Yes[1]", False, FinishReason.STOP),
    )
    html = render.conversation_html([made], ENGLISH) + render.evidence_html([made], ENGLISH)
    html += render.files_html(
        [FileRow(ATTACK, error=UsageError("base_name_unusable", name=ATTACK))], ENGLISH
    )
    assert "<img" not in html
    assert "<script" not in html
    assert 'onerror="' not in html


def test_the_cited_sentence_can_be_found_by_its_offset() -> None:
    made = exchange(
        EvidenceFound((evidence(1, "The tower is red."), evidence(2, "Olaf left."))),
        AnswerText("Red[1]"),
        cited(1, "The tower is red.", 10),
    )
    html = render.evidence_html([made], CHINESE)
    assert '<span class="sentence cited" data-start="10">The tower is red.</span>' in html
    assert "第 3 页" in html
    assert html.count("被引用") == 1


def test_only_the_last_evidence_is_shown_at_first() -> None:
    first, second = exchange(EvidenceFound(())), exchange(EvidenceFound(()))
    second.number = 2
    html = render.evidence_html([first, second], ENGLISH)
    assert 'data-exchange="1" hidden' in html
    assert 'data-exchange="2">' in html


def test_a_model_that_says_nothing_is_reported() -> None:
    made = exchange(EvidenceFound(()), AnswerDone("", False, FinishReason.STOP))
    assert ENGLISH.no_words in render.conversation_html([made], ENGLISH)


def test_thinking_is_shown_collapsed_escaped_and_apart_from_the_answer() -> None:
    thought = exchange(AnswerThinking(f"Well, {ATTACK}"), AnswerText("Herring oil."))
    html = render.conversation_html([thought], ENGLISH)
    details = html[html.index("<details") : html.index("</details>")]
    assert "open" not in details.split(">")[0]
    assert "<script>" not in details
    assert "Well, &lt;img" in details
    assert html.index("</details>") < html.index("Herring oil.")
    assert "Well" not in answer(thought)


def test_what_came_from_the_cache_is_said() -> None:
    stats = AnswerStats(prompt_tokens=400, cached_tokens=96)
    done = exchange(AnswerText("Oil."), AnswerDone("Oil.", False, FinishReason.STOP, stats=stats))
    assert "400 tokens, 96 of them" in render.conversation_html([done], ENGLISH)
    assert "400 词元，其中 96" in render.conversation_html([done], CHINESE)


def test_how_far_a_run_is_stands_above_its_files() -> None:
    run = Progress(Stage.RUNNING, "base", 12, 340, per_s=35.4, left_s=250.0)
    rows = [FileRow("a.txt", Stage.PARSING)]
    assert "12 of 340 files · 35 passages a second · about 4 min left" in (
        render.files_html(rows, ENGLISH, run)
    )
    assert "340 个文件已完成 12 个 · 每秒 35 段 · 约剩 4 分钟" in (
        render.files_html(rows, CHINESE, run)
    )
    early = Progress(Stage.RUNNING, "base", 0, 340, per_s=0.0)
    assert "0 of 340 files</p>" in render.files_html(rows, ENGLISH, early)


def test_of_very_many_files_those_to_look_at_are_listed() -> None:
    rows = [FileRow(f"done-{n}.txt", Stage.DONE) for n in range(5000)]
    rows += [FileRow(f"waits-{n}.txt") for n in range(5000)]
    rows += [FileRow("bad.txt", Stage.FAILED), FileRow("work.txt", Stage.EMBEDDING, 1, 2)]
    html = render.files_html(rows, ENGLISH)
    assert html.count("<li") == render.LISTED_FILES
    assert "bad.txt" in html
    assert "work.txt" in html
    assert "waits-0.txt" in html
    assert "done-" not in html
    assert f"and {len(rows) - render.LISTED_FILES} more files" in html
