"""A plan → SQL → rows, in a database in memory that can only be read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ragapp.tables.numbers import quantity
from ragapp.tables.plan import Function, Plan
from ragapp.tables.rows import Table

MOST_STEPS = 50_000_000
"""Of SQLite's machine, some seconds; then a query is ended."""
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}


@dataclass(frozen=True, slots=True)
class Computed:
    """value: of a sum, mean or count, None where rows are wanted; rows: places in the table.

    sql: what was run, with its values written in.
    """

    value: float | None
    rows: tuple[int, ...]
    sql: str


def run(plan: Plan, table: Table) -> Computed:
    """Run a plan over a table."""
    column = "" if plan.column is None else _quoted(table.columns[plan.column])
    values = [condition.value for condition in plan.conditions]
    if plan.function in (Function.MOST, Function.LEAST):
        order = "DESC" if plan.function is Function.MOST else "ASC"
        what, also = "_rowid_", [f"{column} IS NOT NULL"]
        tail = f" ORDER BY {column} {order} LIMIT {plan.first}"
    else:
        what = "count(*)" if plan.column is None else f"{plan.function}({column})"
        also, tail = [], ""

    def select(what: str, values: Sequence[str]) -> str:
        parts = [
            f"{_quoted(table.columns[one.column])} {one.comparison} {value}"
            for one, value in zip(plan.conditions, values, strict=True)
        ]
        where = " WHERE " + " AND ".join(parts + also) if parts + also else ""
        return f'SELECT {what} FROM "table"{where}{tail}'  # noqa: S608 - names are quoted

    marks, shown = ["?"] * len(values), select(what, [_literal(value) for value in values])
    with contextlib.closing(_loaded(table)) as connection:
        rows = tuple(int(row[0]) for row in connection.execute(select("_rowid_", marks), values))
        if what == "_rowid_":
            return Computed(None, rows, shown)
        [(value,)] = connection.execute(select(what, marks), values)
    return Computed(None if value is None else float(value), rows, shown)


def _loaded(table: Table) -> sqlite3.Connection:
    numeric = table.numeric()
    names = ", ".join(map(_quoted, table.columns))
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(
        f"{_quoted(name)} {'REAL' if is_number else 'TEXT'}"
        for name, is_number in zip(table.columns, numeric, strict=True)
    )
    connection.execute(f'CREATE TABLE "table" ({columns})')
    marks = ", ".join("?" * (len(table.columns) + 1))
    connection.executemany(
        f'INSERT INTO "table" (_rowid_, {names}) VALUES ({marks})',  # noqa: S608 - names are quoted
        (
            (number, *(_value(c, n) for c, n in zip(row.cells, numeric, strict=True)))
            for number, row in enumerate(table.rows)
        ),
    )
    connection.commit()
    connection.set_authorizer(_only_reading)
    steps = iter(range(MOST_STEPS // 10_000))
    connection.set_progress_handler(lambda: next(steps, None) is None, 10_000)
    return connection


def _only_reading(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _value(cell: str, is_number: bool) -> str | float | None:
    if not cell:
        return None
    return quantity(cell) if is_number else cell


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str | float) -> str:
    """Write a value as SQL does, for people to read."""
    return f"{value:g}" if isinstance(value, float) else "'" + value.replace("'", "''") + "'"
