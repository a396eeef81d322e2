"""Jupyter notebooks: their text as Markdown, their code whole, what it printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.html.reader import compose_fragment
from ragapp.documents.readers.markdown.reader import compose_markdown
from ragapp.documents.readers.text import damage_notes
from ragapp.errors import BrokenDocument, DocumentTooCostly
from ragapp.text.decode import decode

LONGEST_OUTPUT = 20_000
"""Characters of what a cell printed; more is a log."""


def read(data: bytes, name: str) -> Extract:
    """Return the cells of a notebook, in order.

    Raises:
        BrokenDocument: no notebook.
        DocumentTooCostly: nested too deep.
    """
    decoded = decode(data, name)
    try:
        notebook = json.loads(decoded.text.lstrip("\ufeff"), parse_int=str, parse_float=str)
        cells = list(_cells(notebook))
    except RecursionError as error:
        raise DocumentTooCostly("data_too_deep", name=name) from error
    except (ValueError, AttributeError, TypeError) as error:
        raise BrokenDocument("data_damaged", name=name, reason=str(error)) from error
    composer = Composer()
    for cell in cells:
        _cell(composer, cell)
    return composer.extract(damage_notes(decoded.damaged))


def _cells(notebook: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - of JSON
    sheets = notebook.get("worksheets") or [notebook]  # up to version 3
    for sheet in sheets:
        yield from (cell for cell in sheet.get("cells") or () if isinstance(cell, dict))


def _cell(composer: Composer, cell: dict[str, Any]) -> None:
    text = _joined(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind == "markdown":
        compose_markdown(composer, text)
    elif kind == "heading":
        composer.heading(1, text)
    else:
        composer.code(text)
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            _output(composer, output)


def _output(composer: Composer, output: dict[str, Any]) -> None:
    """Write what a cell printed: a table of its page where there is one, else its text."""
    data = output.get("data")
    data = data if isinstance(data, dict) else output
    page = _joined(data.get("text/html", ""))
    if "<table" in page and len(page) <= LONGEST_OUTPUT * 10:
        compose_fragment(page, composer)
        return
    text = _joined(data.get("text/plain") or data.get("text") or output.get("evalue") or "")
    if text.strip():
        composer.code(text[:LONGEST_OUTPUT])


def _joined(source: object) -> str:
    if isinstance(source, list):
        return "".join(one for one in source if isinstance(one, str))
    return source if isinstance(source, str) else ""


FORMAT = Format(
    name="Jupyter",
    suffixes=(".ipynb",),
    media_type="application/x-ipynb+json",
    read=read,
)
