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
    where, values = _conditions(plan, table)
    column = "" if plan.column is None else _quoted(table.columns[plan.column])
    with contextlib.closing(_loaded(table)) as connection:
        if plan.function in (Function.MOST, Function.LEAST):
            order = "DESC" if plan.function is Function.MOST else "ASC"
            what = f'_rowid_ FROM "table"{where}'
            also = f"{column} IS NOT NULL"
            what += f" AND {also}" if where else f" WHERE {also}"
            sql = f"SELECT {what} ORDER BY {column} {order} LIMIT {plan.first}"
            rows = [int(row[0]) for row in connection.execute(sql, values)]
            return Computed(None, tuple(rows), _filled(sql, values))
        function = "count(*)" if plan.column is None else f"{plan.function}({column})"
        sql = f'SELECT {function} FROM "table"{where}'  # noqa: S608 - names are quoted
        [(value,)] = connection.execute(sql, values)
        counted = f'SELECT _rowid_ FROM "table"{where}'  # noqa: S608
        rows = [int(row[0]) for row in connection.execute(counted, values)]
    return Computed(None if value is None else float(value), tuple(rows), _filled(sql, values))


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


def _conditions(plan: Plan, table: Table) -> tuple[str, list[str | float]]:
    parts = [f"{_quoted(table.columns[c.column])} {c.comparison} ?" for c in plan.conditions]
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), [c.value for c in plan.conditions]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _filled(sql: str, values: Sequence[str | float]) -> str:
    """Write the values into the query, for people to read."""
    for value in values:
        shown = f"{value:g}" if isinstance(value, float) else "'" + value.replace("'", "''") + "'"
        sql = sql.replace("?", shown, 1)
    return sql
