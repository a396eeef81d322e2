"""Lone surrogates stand for bytes that are no text."""

import os

import pytest

from ragapp.text.encodable import as_text, is_text

OF_ANOTHER_ENCODING = os.fsdecode("报告.txt".encode("gb18030"))


@pytest.mark.parametrize("value", ["", "report.txt", "报告.txt", "\U0001f600", "\0"])
def test_text_stays_as_it_is(value):
    assert is_text(value)
    assert as_text(value) == value


@pytest.mark.parametrize("value", [OF_ANOTHER_ENCODING, "\ud800", "a\udfffb"])
def test_what_is_none_is_told_and_replaced(value):
    assert not is_text(value)
    assert is_text(as_text(value))
