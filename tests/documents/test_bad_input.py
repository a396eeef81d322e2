"""Whatever is dropped in ends as text, or as an error that says in both languages what it is."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragapp.documents.discover import discover
from ragapp.documents.formats import SUFFIXES
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import BrokenDocument
from ragapp.words.catalogue import CHINESE

from .bad_input import BAD

READ = [name for name in BAD if f".{name.rsplit('.', 1)[-1]}" in SUFFIXES]


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(most=1) as opened:
        yield opened


@pytest.mark.parametrize("name", READ)
def test_bad_input_ends_as_it_should(name: str, tmp_path: Path, pool: ParserPool) -> None:
    bad = BAD[name]
    path = tmp_path / name
    path.write_bytes(bad.make())
    if bad.ends:
        with pytest.raises(bad.ends) as caught:
            pool.parse(path)
        assert caught.value.code != "reader_failed"
        assert name in caught.value.line()
        assert name in caught.value.line(CHINESE)
    else:
        assert bad.holds in pool.parse(path).text
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["tab\there.txt", "line\nbreak.txt", "\x1b[31mred.txt", "长" * 83])
def test_odd_names_are_names(name: str, tmp_path: Path, pool: ParserPool) -> None:
    path = tmp_path / (name if name.endswith(".txt") else f"{name}.txt")
    path.write_text("Some words.")
    assert pool.parse(path).text == "Some words."
    assert discover([tmp_path]).files == (path,)


def test_pipes_and_sockets_are_named_and_not_waited_for(tmp_path: Path, pool: ParserPool) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.txt"))
        found = discover([tmp_path])
    assert found.files == ()
    assert {one.path.name for one in found.skipped} == {"pipe.txt", "socket.txt"}
    with pytest.raises(BrokenDocument):
        pool.parse(tmp_path / "pipe.txt")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, pool: ParserPool) -> None:
    path = tmp_path / "closed.txt"
    path.write_text("Some words.")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything
        assert pool.parse(path).text == "Some words."
    else:
        with pytest.raises(BrokenDocument, match=r"closed\.txt"):
            pool.parse(path)


def test_a_file_that_grows_while_it_is_read_is_read_as_of_one_moment(
    tmp_path: Path, pool: ParserPool
) -> None:
    path = tmp_path / "log.txt"
    lines = [f"Line {number} of the log.\n" for number in range(60_000)]
    path.write_text("".join(lines[:1000]))

    def grow() -> None:
        with path.open("a") as log:
            for line in lines[1000:]:
                log.write(line)

    writer = threading.Thread(target=grow)
    writer.start()
    texts = [pool.parse(path).text for _ in range(5)]
    writer.join()
    whole = "".join(lines)
    assert all(text and whole.startswith(text) for text in texts)
