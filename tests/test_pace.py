"""A run says how far it is, how quick, and how long it will still take, once that can be told."""

import pytest

from ragapp.pace import Pace
from ragapp.types import Progress, Stage


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def files(tmp_path):
    """Four files of 1000 bytes and one of 6000."""
    made = [tmp_path / f"{number}.txt" for number in range(5)]
    for file in made:
        file.write_bytes(b"x" * 1000)
    made[4].write_bytes(b"x" * 6000)
    return made


@pytest.fixture
def run(files):
    return Run(files)


class Run:
    def __init__(self, files):
        self.clock, self.events = Clock(), []
        self.files = files
        self.pace = Pace(files, "base", self.events.append, self.clock)

    def tell(self, stage, number, done=0, total=None, seconds=1.0):
        """Let some time go by and an event come; return what was said of the run."""
        self.clock.now += seconds
        self.events.clear()
        self.pace.take(Progress(stage, str(self.files[number]), done, total))
        return [event for event in self.events if event.stage is Stage.RUNNING]

    def read(self, number, seconds=1.0):
        self.tell(Stage.PARSING, number, seconds=0)
        self.tell(Stage.EMBEDDING, number, 10, 10, seconds=0)
        return self.tell(Stage.INDEXING, number, 10, 10, seconds=seconds)


def test_events_are_handed_on(run):
    run.tell(Stage.PARSING, 0)
    assert run.events[0] == Progress(Stage.PARSING, str(run.files[0]))


def test_files_are_counted_and_weighed_by_their_bytes(run):
    run.read(0, 2.0)
    run.read(1, 2.0)
    [said] = run.read(2, 2.0)
    assert (said.done, said.total, said.item) == (3, 5, "base")
    assert said.left_s == pytest.approx(14.0)  # 3,000 bytes took 6 s, 7,000 are left
    assert said.per_s == pytest.approx(5.0)


def test_a_file_in_work_counts_for_what_is_embedded_of_it(run):
    for number in range(4):
        run.read(number)
    run.tell(Stage.PARSING, 4)
    [said] = run.tell(Stage.EMBEDDING, 4, 50, 100)
    assert said.done == 4
    assert said.left_s == pytest.approx(6 * 3000 / 7000)


def test_nothing_is_guessed_from_too_little(run):
    run.tell(Stage.PARSING, 4)
    [said] = run.tell(Stage.EMBEDDING, 4, 1, 100)
    assert said.left_s is None


def test_what_is_unchanged_says_nothing_of_what_is_not(run):
    for number in range(4):
        run.tell(Stage.INDEXING, number, 7, 7, seconds=0.01)
    run.tell(Stage.PARSING, 4, seconds=2)
    [said] = run.tell(Stage.EMBEDDING, 4, 30, 60, seconds=2)
    assert (said.done, said.left_s) == (4, pytest.approx(4.04))


def test_it_is_not_said_with_every_event(run):
    assert not run.tell(Stage.PARSING, 0, seconds=0.1)
    assert run.tell(Stage.PARSING, 1, seconds=0.5)
    assert not run.tell(Stage.PARSING, 2, seconds=0.1)


def test_a_failed_file_has_ended(run):
    run.tell(Stage.PARSING, 0)
    [said] = run.tell(Stage.FAILED, 0)
    assert said.done == 1


def test_files_that_are_gone_and_no_files_at_all(tmp_path):
    run = Run([tmp_path / "gone.txt"])
    run.tell(Stage.PARSING, 0)
    assert run.tell(Stage.FAILED, 0)
    Pace([], "base", run.events.append).take(Progress(Stage.INDEXING, "base"))
