"""The journal of a batch: what was done is known after every crash and every harmed byte."""

from pathlib import Path

import pytest

from ragapp.batch.journal import Journal, Prediction
from ragapp.errors import UsageError

RUN = {"model": "m", "prompts": 3}
DONE = {number: Prediction(output=f"答案 {number}", thinking="so") for number in range(3)}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    out = tmp_path / "out.json"
    with Journal(out, RUN) as begun:
        for number, prediction in DONE.items():
            begun.add({number: prediction})
    return out


def reopened(out: Path) -> dict[int, Prediction]:
    with Journal(out, RUN) as again:
        return again.done


def test_what_was_done_is_known_again(journal: Path) -> None:
    assert reopened(journal) == DONE


def test_cut_at_any_byte_it_holds_whole_predictions_only_and_goes_on(journal: Path) -> None:
    file = Journal(journal, RUN).file
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        done = reopened(journal)
        assert done == {number: DONE[number] for number in range(len(done))}
        with Journal(journal, RUN) as again:
            again.add({2: DONE[2]})
        assert reopened(journal) == {**done, 2: DONE[2]}


def test_with_any_bit_flipped_no_wrong_prediction_is_taken(journal: Path) -> None:
    file = Journal(journal, RUN).file
    whole = file.read_bytes()
    head = whole.index(b"\n")
    for place in range(len(whole)):
        for bit in range(8):
            harmed = bytearray(whole)
            harmed[place] ^= 1 << bit
            file.write_bytes(harmed)
            if place <= head:
                with pytest.raises(UsageError, match="damaged"):
                    reopened(journal)
            else:
                done = reopened(journal)
                assert done.items() <= DONE.items()
                assert len(done) >= len(DONE) - 2  # a line, or two that have become one


def test_another_run_is_told_apart(journal: Path) -> None:
    other = Journal(journal, {**RUN, "prompts": 4})
    with pytest.raises(UsageError, match="another prompts"), other:
        pytest.fail("it was taken for the same run")
