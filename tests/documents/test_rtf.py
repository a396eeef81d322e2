"""Rich text: its words, and what is no character is shown as none."""

import pytest

from ragapp.documents.readers import rtf


@pytest.mark.parametrize("number", ["99999999999999999999", "-400000000000", "1114112"])
def test_a_number_that_is_no_character_spoils_nothing_else(number: str) -> None:
    text = rtf.read(rf"{{\rtf1\ansi The tide \u{number}? comes \u27700?.}}".encode(), "a.rtf").text
    assert "The tide" in text
    assert "comes 水" in text
