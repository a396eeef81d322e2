"""Codes, numbers and dates are found however they are written, and not one for another."""

import pytest

from ragapp.text.codes import codes, dates
from ragapp.text.terms import fold


def found(text):
    return set(codes(fold(text)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SB-2023-0171", "SB_2023/0171"),
        ("MF‑MSMF200", "mf-msmf200"),
        ("1,150", "１，１５０"),
        ("8 March 2026", "2026-03-08"),
        ("March 8th, 2026", "2026年3月8日"),
        ("8.3.2026", "2026/3/8"),
        ("on 20260308", "8 Mar 2026"),
    ],
)
def test_ways_to_write_the_same(one, other):
    assert found(one) & found(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("14.1.2", "1.41.2"), ("14.1.2", "14.2.1"), ("C++", "C#"), ("C", "C++"), ("4.00", "4.10"),
     ("8 March 2026", "9 March 2025")],
)  # fmt: skip
def test_what_differs_stays_apart(one, other):
    assert not found(one) & found(other)


def test_words_and_plain_numbers_are_no_codes():
    assert found("A well-known state-of-the-art thing, 42 of them, and e.g. this.") == set()
    assert list(dates("2026")) == []


def test_a_code_beside_ideographs():
    assert "sb20230171" in found("设备编号SB-2023-0171，名称为烘箱")
