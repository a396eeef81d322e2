"""Values to HTML. Whatever comes from documents, people or models is escaped here, once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from ragapp.conversations.exchange import Exchange, Mark
from ragapp.errors import RagappError
from ragapp.index.store import StoredDocument
from ragapp.synthesis.phrases import phrases_for
from ragapp.types import AnswerStats, Evidence, FinishReason, Progress, Stage
from ragapp.uploads.deletion import Deletion
from ragapp.uploads.queue import FileRow
from ragapp.words.catalogue import note_sentence
from ragapp.words.interface import Strings

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LISTED_DOCUMENTS = 300
LISTED_FILES = 100
"""A list is for looking; a thousand rows would make every change of the page slow."""

SHOWN_STAGES = (Stage.PARSING, Stage.CHUNKING, Stage.EMBEDDING, Stage.INDEXING, Stage.DONE)

# Private-use characters stand for a citation mark while Markdown is rendered.
MARK_OPEN, MARK_CLOSE = "\ue000", "\ue001"
MARK = re.compile(f"{MARK_OPEN}(\\d+){MARK_CLOSE}")


def conversation_html(exchanges: Sequence[Exchange], strings: Strings) -> str:
    """Render finished and growing exchanges, oldest first."""
    return "".join(_exchange(exchange, strings) for exchange in exchanges)


def welcome_html(strings: Strings) -> str:
    """Say what to do on an empty page."""
    steps = "".join(f"<li>{escape(step)}</li>" for step in strings.empty_steps)
    return f'<div class="welcome"><h2>{escape(strings.empty_title)}</h2><ol>{steps}</ol></div>'


def answer_html(text: str, marks: Sequence[Mark], exchange: int) -> str:
    """Render an answer's Markdown with its citation marks as links.

    Raw HTML, links and images are not understood, so nothing in an answer can run or be fetched.
    """
    text = text.replace(MARK_OPEN, "\ufffd").replace(MARK_CLOSE, "\ufffd")
    for index, mark in reversed(list(enumerate(marks))):
        end = mark.position + len(f"[{mark.citation.number}]")
        text = f"{text[: mark.position]}{MARK_OPEN}{index}{MARK_CLOSE}{text[end:]}"
    html: str = _markdown().render(text.strip())
    return MARK.sub(lambda found: _cite_link(marks[int(found[1])], exchange), html)


def evidence_html(exchanges: Sequence[Exchange], strings: Strings) -> str:
    """Render the evidence of every exchange; only the last group is shown at first."""
    searched = [exchange for exchange in exchanges if exchange.evidence is not None]
    if not searched:
        return _hint(strings.evidence_empty)
    groups = []
    for exchange in searched:
        shown = exchange is searched[-1]
        cards = "".join(
            _card(item, exchange, strings) for item in exchange.evidence or ()
        ) or _hint(strings.evidence_none)
        for_question = escape(strings.evidence_for.format(question=exchange.question))
        groups.append(
            f'<section class="evidence-group" data-exchange="{exchange.number}"'
            f'{"" if shown else " hidden"}><p class="evidence-for">{for_question}</p>'
            f"{cards}</section>"
        )
    return "".join(groups)


def documents_html(kb: str, documents: Sequence[StoredDocument], strings: Strings) -> str:
    """Render the documents of a knowledge base, each with a button that asks before deleting.

    A row says which document of which base it is: what is chosen may change before a click.
    """
    if not documents:
        return _hint(strings.no_documents)
    rows = "".join(_document(kb, document, strings) for document in documents[:LISTED_DOCUMENTS])
    rest = len(documents) - LISTED_DOCUMENTS
    more = _hint(strings.more_documents.format(count=rest)) if rest > 0 else ""
    title = f"{escape(strings.documents)} · {len(documents)}"
    return f'<h2 class="column-title">{title}</h2><ul class="documents">{rows}</ul>{more}'


def files_html(rows: Sequence[FileRow], strings: Strings, run: Progress | None = None) -> str:
    """Render the files on their way into a knowledge base; of very many, those to look at."""
    if not rows:
        return ""
    listed, rest = rows, 0
    if len(rows) > LISTED_FILES:
        order = sorted(rows, key=_concern)  # failed, in work, waiting, done; each as they came
        chosen = {id(row) for row in order[:LISTED_FILES]}
        listed = [row for row in rows if id(row) in chosen]
        rest = len(rows) - len(listed)
    more = _hint(strings.more_files.format(count=rest)) if rest else ""
    items = "".join(_file(row, strings) for row in listed)
    return f'{_run(run, strings) if run else ""}<ul class="files">{items}</ul>{more}'


def _concern(row: FileRow) -> int:
    return {Stage.FAILED: 0, None: 2, Stage.DONE: 3}.get(row.stage, 1)


def _run(run: Progress, strings: Strings) -> str:
    said = strings.run_files.format(done=run.done, total=run.total)
    if run.per_s:
        said += strings.run_pace.format(per_s=f"{run.per_s:.0f}")
    if run.left_s is not None:
        minutes = run.left_s / 60
        left = strings.run_minutes if minutes >= 1.5 else strings.run_seconds
        amount = round(minutes) if minutes >= 1.5 else max(1, round(run.left_s))
        said += left.format(amount=amount)
    return f'<p class="hint" role="status">{escape(said)}</p>'


def notice_html(text: str, kind: str = "info") -> str:
    """Render a sentence for the person; ``kind`` is info, good or bad."""
    return f'<p class="notice {kind}">{_with_code(text)}</p>' if text else ""


def deleted_html(deletion: Deletion, strings: Strings) -> str:
    """Say what was deleted, with a button that undoes it."""
    document = deletion.document
    if deletion.own_file:
        said = strings.removed.format(name=document.name)
    else:
        said = strings.removed_kept_file.format(name=document.name, path=document.path)
    return (
        f'<p class="notice good" role="status">{_with_code(said)} '
        f'<button type="button" class="undo" data-undo="{escape(deletion.token)}">'
        f"{escape(strings.undo)}</button></p>"
    )


def delete_kb_html(kb: str, count: int, strings: Strings) -> str:
    """Ask before deleting a knowledge base.

    The button says which one: another may be chosen between the question and the click.
    """
    said = strings.delete_kb_warning.format(name=kb, count=count)
    return (
        f'<div class="notice bad" role="alert">{escape(said)}<div class="confirm">'
        f'<button type="button" id="keep-kb">{escape(strings.keep)}</button>'
        f'<button type="button" id="confirm-kb" class="danger" data-delete-kb="{escape(kb)}">'
        f"{escape(strings.delete_kb_confirm)}</button></div></div>"
    )


def error_html(error: RagappError, strings: Strings) -> str:
    """Render what happened, why, and what to do."""
    said = error.sentences(strings.html_lang)
    return (
        f'<div class="notice bad" role="alert"><strong>{escape(strings.failed)}: '
        f"{escape(said.what)}</strong><br>{escape(said.why)}<br>{_with_code(said.fix)}</div>"
    )


def places_html(places: Mapping[str, str]) -> str:
    """Render where things are on disk."""
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in places.items())
    return f'<dl class="places">{rows}</dl>'


def title_html(strings: Strings) -> str:
    """Name the evidence column."""
    return f'<h2 class="column-title">{escape(strings.evidence)}</h2>'


def jump_html(strings: Strings) -> str:
    """Lead from part to part where they stand one under another, on a phone."""
    parts = {
        "chat": strings.chat,
        "evidence-column": strings.evidence,
        "library": strings.library,
    }
    buttons = "".join(
        f'<button type="button" data-pane="{pane}">{escape(name)}</button>'
        for pane, name in parts.items()
    )
    return f"<nav>{buttons}</nav>"


def _exchange(exchange: Exchange, strings: Strings) -> str:
    parts = [f'<div class="question" dir="auto">{escape(exchange.question)}</div>']
    if exchange.thinking.strip():
        parts.append(
            f'<details class="thought"><summary>{escape(strings.thought)}</summary>'
            f'<div dir="auto">{escape(exchange.thinking.strip())}</div></details>'
        )
    if exchange.answer.strip():
        refused = " refused" if exchange.done is not None and exchange.done.refused else ""
        growing = "" if exchange.done is not None or exchange.error else " growing"
        body = answer_html(exchange.answer, exchange.marks, exchange.number)
        parts.append(f'<div class="answer{refused}{growing}" dir="auto">{body}</div>')
    elif exchange.done is not None and exchange.done.finish_reason is FinishReason.STOP:
        parts.append(f'<div class="answer refused">{escape(strings.no_words)}</div>')
    elif exchange.done is None and exchange.error is None:
        parts.append(f'<div class="waiting">{escape(getattr(strings, exchange.waiting))}</div>')
    phrases = phrases_for(exchange.question)
    parts += [notice_html(phrases.notice(notice)) for notice in exchange.notices]
    if exchange.error is not None:
        parts.append(error_html(exchange.error, strings))
    if exchange.done is not None:
        reason = exchange.done.finish_reason
        if reason in strings.finish:
            parts.append(f'<p class="finish {reason}">{escape(strings.finish[reason])}</p>')
        parts.append(
            f'<div class="under"><span class="stats">{_stats(exchange.done.stats, strings)}</span>'
            f'<button type="button" class="copy" data-done="{escape(strings.copied)}">'
            f"{escape(strings.copy)}</button></div>"
        )
    return f'<article class="exchange" data-exchange="{exchange.number}">{"".join(parts)}</article>'


def _stats(stats: AnswerStats, strings: Strings) -> str:
    parts = [strings.stats_retrieval.format(seconds=f"{stats.retrieval_s:.2f}")]
    if stats.first_token_s is not None:
        parts.append(strings.stats_first.format(seconds=f"{stats.first_token_s:.2f}"))
    if stats.tokens_per_s is not None:
        parts.append(strings.stats_speed.format(rate=f"{stats.tokens_per_s:.1f}"))
    if stats.prompt_tokens:
        words = strings.stats_cached if stats.cached_tokens else strings.stats_prompt
        parts.append(words.format(tokens=stats.prompt_tokens, cached=stats.cached_tokens))
    return escape(" · ".join(parts))


def _cite_link(mark: Mark, exchange: int) -> str:
    citation = mark.citation
    title = f"{_one_line(citation.document)}: {_one_line(citation.sentence)}"
    return (
        f'<a class="cite" href="#{_card_id(exchange, citation.number)}"'
        f' data-exchange="{exchange}" data-start="{citation.start}" title="{escape(title)}">'
        f"{citation.number}</a>"
    )


def _card_id(exchange: int, number: int) -> str:
    return f"evidence-{exchange}-{number}"


def _card(item: Evidence, exchange: Exchange, strings: Strings) -> str:
    cited = {m.citation.start for m in exchange.marks if m.citation.number == item.number}
    place = escape(item.document)
    if item.page is not None:
        place += f' <span class="page">{escape(strings.page.format(number=item.page))}</span>'
    heading = escape(" › ".join(item.heading))
    tag = f'<span class="cited-tag">{escape(strings.quoted)}</span>' if cited else ""
    return (
        f'<article class="card{" cited" if cited else ""}" tabindex="-1"'
        f' id="{_card_id(exchange.number, item.number)}">'
        f'<header><span class="number">{item.number}</span>'
        f'<span class="place" title="{escape(item.path)}">{place}</span>{tag}</header>'
        + (f'<p class="heading">{heading}</p>' if heading else "")
        + f'<p class="excerpt" dir="auto">{_excerpt(item, cited)}</p></article>'
    )


def _excerpt(item: Evidence, cited: set[int]) -> str:
    """Mark each sentence by its offset, so that a citation finds it, and the best of them."""
    best = max((sentence.score for sentence in item.sentences), default=0.0)
    parts, reached = [], item.start
    for sentence in item.sentences:
        parts.append(escape(item.text[reached - item.start : sentence.start - item.start]))
        if sentence.start in cited:
            kind = "sentence cited"
        else:
            kind = "sentence best" if sentence.score == best else "sentence"
        words = escape(item.text[sentence.start - item.start : sentence.end - item.start])
        parts.append(f'<span class="{kind}" data-start="{sentence.start}">{words}</span>')
        reached = sentence.end
    parts.append(escape(item.text[reached - item.start :]))
    return "".join(parts)


def _document(kb: str, document: StoredDocument, strings: Strings) -> str:
    line = strings.document_line_pages if document.pages else strings.document_line
    count = line.format(pages=document.pages, chunks=document.chunks)
    said = [note_sentence(note.code, note.values, strings.html_lang) for note in document.notes]
    notes = "".join(f'<span class="note">{escape(note)}</span>' for note in said)
    name = escape(document.name)
    question = escape(strings.delete_confirm.format(name=document.name))
    return (
        f'<li><div class="what"><span class="name" title="{escape(document.path)}">{name}</span>'
        f'<span class="count">{escape(count)}</span>{notes}</div>'
        f'<button type="button" class="delete" data-step="ask" aria-label="{question}"'
        f' title="{question}">×</button>'
        f'<div class="confirm" hidden><span>{question}</span>'
        f'<button type="button" class="danger" data-step="delete" data-document="{document.id}"'
        f' data-kb="{escape(kb)}" data-path="{escape(document.path)}">'
        f"{escape(strings.delete)}</button>"
        f'<button type="button" data-step="keep">{escape(strings.keep)}</button></div></li>'
    )


def _file(row: FileRow, strings: Strings) -> str:
    name, bar = escape(row.name), ""
    if row.stage is Stage.EMBEDDING and row.total:
        bar = f'<progress max="{row.total}" value="{row.done}"></progress>'
    status = strings.statuses.get(row.status, "")
    told = [note_sentence(note.code, note.values, strings.html_lang) for note in row.notes]
    said = [row.error.line(strings.html_lang)] if row.error else [status, *told]
    notes = "".join(f'<span class="note">{_with_code(note)}</span>' for note in said if note)
    return (
        f'<li class="{row.stage or "queued"}"><span class="name" title="{name}">{name}</span>'
        f'<span class="stages">{_stages(row, strings)}</span>{bar}{notes}</li>'
    )


def _stages(row: FileRow, strings: Strings) -> str:
    """Render where a file is among the stages; files are often quicker than the eye."""
    if row.stage is None:
        return escape(strings.queued)
    if row.stage is Stage.FAILED:
        return escape(strings.stopped if row.status == "cancelled" else strings.stages[row.stage])
    reached = SHOWN_STAGES.index(row.stage)
    words = []
    for place, stage in enumerate(SHOWN_STAGES):
        word = escape(strings.stages[stage])
        if stage is Stage.EMBEDDING and row.stage is stage and row.total:
            word += f" {row.done}/{row.total}"
        kind = "past" if place < reached else "now" if place == reached else "later"
        words.append(f'<span class="{kind}">{word}</span>')
    return " → ".join(words)


def _hint(text: str) -> str:
    return f'<p class="hint">{escape(text)}</p>'


def _with_code(text: str) -> str:
    """Escape a sentence; what stands between backquotes becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.disable(
        ["link", "image", "autolink", "html_inline", "html_block", "reference", "lheading", "code"]
    )
    # No attribute may carry what the model wrote, not even the language of a code block.
    markdown.add_render_rule("fence", _fence)
    return markdown


def _fence(_: object, tokens: Sequence[Token], index: int, *__: object) -> str:
    return f"<pre><code>{escape(tokens[index].content)}</code></pre>"
