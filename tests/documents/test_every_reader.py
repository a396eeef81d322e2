"""What is true of every reader: it reads its format, and keeps its offsets whatever it is given."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragapp.documents.formats import SUFFIXES
from ragapp.documents.parse import choose_format, run_reader
from ragapp.documents.readers import Extract
from ragapp.errors import DocumentError
from ragapp.words.catalogue import CHINESE

from .mutations import mutated
from .promises import check
from .samples import HAN, SAMPLES, SENTENCE

READ = [suffix for suffix in SAMPLES if f".{suffix.rsplit('.', 1)[-1]}" in SUFFIXES]


def read(data: bytes, name: str) -> Extract:
    return run_reader(choose_format(data, name), data, name)


def check_outcome(data: bytes, name: str) -> None:
    """Hold what became of some bytes against the promise: a text, or an error that says why."""
    try:
        outcome: Extract | DocumentError = read(data, name)
    except DocumentError as error:
        outcome = error
    if isinstance(outcome, Extract):
        check(outcome)
    else:
        assert outcome.code != "reader_failed", outcome
        assert outcome.line()
        assert outcome.line(CHINESE)


@pytest.mark.parametrize("suffix", READ)
def test_its_own_format_is_read_whole(suffix: str) -> None:
    extract = read(SAMPLES[suffix](), f"harbour{suffix}")
    check(extract)
    assert SENTENCE in extract.text
    assert HAN in extract.text or suffix == ".pdf"  # the fonts every PDF program has know no 港


@pytest.mark.parametrize("suffix", READ)
@settings(
    max_examples=15, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(seed=st.integers(0, 2**32 - 1))
def test_changed_bytes_end_in_an_extract_or_an_error_of_the_file(suffix: str, seed: int) -> None:
    check_outcome(mutated(SAMPLES[suffix](), random.Random(seed)), f"harbour{suffix}")
