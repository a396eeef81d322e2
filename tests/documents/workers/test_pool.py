"""What freezes, bloats or crashes a reader costs that file alone, and nothing stays behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragapp.documents.parse import parse_file
from ragapp.documents.workers.limits import Limits
from ragapp.documents.workers.pool import ParserPool
from ragapp.errors import BrokenDocument, Cancelled, DocumentError, DocumentTooCostly
from ragapp.types import Note

from ..hostile_files import docx_of
from ..pdf_files import english_pdf

AT_ONCE_S = 2.0  # a tenth of it is usual; the machine may be busy
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def pool() -> Iterator[ParserPool]:
    with ParserPool() as pool:
        yield pool


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.md"
    path.write_text("# 标题\n\nA note.")
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A file that takes a quarter of a minute to read."""
    path = tmp_path / "slow.md"
    path.write_text("[" * 1_500_000)
    return path


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = AT_ONCE_S) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


def test_documents_come_back_as_they_are_read_here(pool: ParserPool, tmp_path: Path) -> None:
    files = {
        "中文.md": "# 标题\n\n内容。".encode(),
        "b.txt": "plain\n\ntext 𠮷".encode(),
        "c.html": b"<title>T</title><p>Text.",
        "d.pdf": english_pdf([[("One page.", 11)], [], [("Another.", 11)]]),
        "e.docx": docx_of(b"<w:p><w:r><w:t>text</w:t></w:r></w:p>"),
    }
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert pool.parse(path) == parse_file(path)
    assert len(pool.pids) == 1


@LINUX
def test_a_file_name_that_is_no_text_is_the_error_of_that_file(
    pool: ParserPool, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.txt")
    path.write_text("text")
    with pytest.raises(BrokenDocument) as raised:
        pool.parse(path)
    assert raised.value.code == "name_not_text"
    path.rename(tmp_path / "renamed.txt")
    assert pool.parse(tmp_path / "renamed.txt").text == "text"


def test_a_file_goes_by_the_name_it_is_given(pool: ParserPool, tmp_path: Path) -> None:
    path = tmp_path / "upload-17"
    path.write_text("# Title")
    assert pool.parse(path, name="notes.md").name == "notes.md"


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.xyz", b"x"), ("a.txt", b""), ("a.pdf", b"text"), ("a.txt", bytes(range(256)))],
)
def test_errors_come_back_as_they_are_raised_here(
    pool: ParserPool, tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DocumentError) as here:
        parse_file(path)
    with pytest.raises(DocumentError) as there:
        pool.parse(path)
    assert (type(there.value), str(there.value)) == (type(here.value), str(here.value))


def test_a_missing_file_is_said_to_be_missing(pool: ParserPool, tmp_path: Path) -> None:
    with pytest.raises(BrokenDocument, match=r"gone\.md: no such file"):
        pool.parse(tmp_path / "gone.md")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(cpu_s=1, cpu_s_per_mib=0, wall_per_cpu=60), "longer than 1 s of processor time"),
        (Limits(cpu_s=60, cpu_s_per_mib=0, wall_per_cpu=0.02), "longer than 1 s"),
    ],
    ids=["processor", "wall"],
)
def test_a_file_that_takes_too_long_fails_and_the_next_is_read(
    limits: Limits, says: str, slow: Path, note: Path
) -> None:
    with ParserPool(limits) as pool:
        assert pool.parse(note).text
        with pytest.raises(DocumentTooCostly, match=rf"slow\.md: .*{says}"):
            pool.parse(slow)
        assert pool.parse(note).text.endswith("A note.")


def test_a_file_that_takes_too_much_memory_fails_and_the_next_is_read(
    tmp_path: Path, note: Path
) -> None:
    large = tmp_path / "large.html"
    large.write_bytes(b"<p>x" * 800_000)  # whose tree takes 300 MB
    with ParserPool(Limits(memory_bytes=150 << 20)) as pool:
        with pytest.raises(DocumentTooCostly, match=r"large\.html: .*more memory"):
            pool.parse(large)
        assert pool.parse(note).text.endswith("A note.")


def test_limits_grow_with_the_file() -> None:
    limits = Limits(cpu_s=10, cpu_s_per_mib=2, wall_per_cpu=3)
    assert limits.cpu_for(0) == 10
    assert limits.cpu_for(5 << 20) == 20
    assert limits.wall_for(5 << 20) == 60


@pytest.mark.parametrize(
    ("number", "error"),
    [("SIGSEGV", BrokenDocument), ("SIGABRT", BrokenDocument), ("SIGKILL", DocumentTooCostly)],
)
def test_a_crash_costs_the_file_at_work_alone(
    pool: ParserPool, slow: Path, note: Path, number: str, error: type[DocumentError]
) -> None:
    pool.parse(note)
    (pid,) = pool.pids
    threading.Timer(0.3, os.kill, (pid, signal.Signals[number])).start()
    with pytest.raises(error, match=r"slow\.md: .*process that read it"):
        pool.parse(slow)
    assert pool.parse(note).text
    assert pid not in pool.pids


@LINUX
def test_a_false_alarm_that_the_parent_has_gone_costs_no_file(
    pool: ParserPool, tmp_path: Path, note: Path
) -> None:
    file = tmp_path / "slower.md"
    file.write_text("[" * 300_000)
    pool.parse(note)
    (pid,) = pool.pids
    threading.Timer(0.2, os.kill, (pid, signal.SIGIO)).start()
    assert len(pool.parse(file).text) == 300_000
    assert pid not in pool.pids


def test_a_worker_that_died_idle_is_replaced(pool: ParserPool, note: Path) -> None:
    pool.parse(note)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not alive(pid))
    assert pool.parse(note).text


def test_a_worker_that_cannot_start_is_told(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with ParserPool() as pool, pytest.raises(BrokenDocument, match="no process could be started"):
        pool.parse(note)


@LINUX
def test_to_cancel_ends_the_worker_at_once(pool: ParserPool, slow: Path, note: Path) -> None:
    pool.parse(note)
    (pid,) = pool.pids
    begin = time.monotonic()
    with pytest.raises(Cancelled):
        pool.parse(slow, cancel=lambda: time.monotonic() - begin > 0.2)
    assert time.monotonic() - begin < AT_ONCE_S
    assert not alive(pid)
    assert pool.parse(note).text


def test_threads_share_the_workers_there_may_be(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(40)]
    for path in paths:
        path.write_text(f"text of {path.name}\n" * 2000)
    with ParserPool(most=2) as pool, ThreadPoolExecutor(6) as threads:
        for path, document in zip(paths, threads.map(pool.parse, paths), strict=True):
            assert document.text.startswith(f"text of {path.name}")
        assert len(pool.pids) <= 2


def test_who_waits_for_a_worker_can_be_cancelled(slow: Path, note: Path) -> None:
    stop = threading.Event()
    with ParserPool(most=1) as pool, ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.parse, slow, cancel=stop.is_set)
        assert wait_until(lambda: pool.pids)
        with pytest.raises(Cancelled):
            pool.parse(note, cancel=lambda: True)
        stop.set()
        assert isinstance(first.exception(AT_ONCE_S), Cancelled)


@LINUX
def test_to_close_ends_all_workers_and_those_who_wait(slow: Path, note: Path) -> None:
    pool = ParserPool()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.parse, slow)
        assert wait_until(lambda: pool.pids)
        (pid,) = pool.pids
        pool.close()
        assert isinstance(waiting.exception(AT_ONCE_S), Cancelled)
    assert not alive(pid)
    with pytest.raises(Cancelled):
        pool.parse(note)


PARENT = """
import sys, threading, time
from pathlib import Path
from ragapp.documents.workers.pool import ParserPool
pool = ParserPool()
pool.parse(Path(sys.argv[1]))
threading.Thread(target=pool.parse, args=(Path(sys.argv[2]),), daemon=True).start()
time.sleep(0.3)
print(*pool.pids, flush=True)
time.sleep(60)
"""


@LINUX
@pytest.mark.parametrize("at_work", [True, False], ids=["at work", "idle"])
def test_no_worker_outlives_a_killed_parent(slow: Path, note: Path, at_work: bool) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(note), str(slow if at_work else note)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    (pid,) = map(int, parent.stdout.readline().split())
    assert alive(pid)
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not alive(pid))


def test_what_libraries_print_does_not_get_between(
    tmp_path: Path, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "markdown_it.py").write_text(
        "import os, sys\n"
        "print('noise')\n"
        "os.write(1, bytes(100))\n"
        "os.system('echo noise; cat')\n"
        "sys.path.remove(os.path.dirname(__file__))\n"
        "del sys.modules['markdown_it']\n"
        "import markdown_it\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    with ParserPool() as pool:
        assert pool.parse(note) == parse_file(note)
        assert pool.parse(note) == parse_file(note)


def test_what_readers_log_is_logged_here(
    pool: ParserPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = english_pdf([[("First.", 11)], [("Second.", 11)]])
    path = tmp_path / "a.pdf"
    path.write_bytes(data.replace(b"/Kids [3 0 R", b"/Kids [1 0 R", 1))  # no page
    with caplog.at_level("WARNING"):
        assert Note("pages_failed", {"numbers": "2"}) in pool.parse(path).notes
    (record,) = caplog.records
    assert record.name == "ragapp.documents.readers.pdf.reader"
    assert record.getMessage().startswith("a.pdf: page 2 could not be read")


@LINUX
def test_workers_do_not_get_the_settings_of_the_environment(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGAPP_PASSWORD", "secret")
    with ParserPool() as pool:
        pool.parse(note)
        (pid,) = pool.pids
        assert b"RAGAPP_PASSWORD" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_modules_in_the_folder_one_stands_in_are_not_imported(
    pool: ParserPool, tmp_path: Path, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "markdown_it.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert pool.parse(note).text


def test_a_worker_that_has_grown_is_replaced(tmp_path: Path, note: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_text("word " * 4_000_000)
    with ParserPool(Limits(memory_bytes=140 << 20)) as pool:  # half of it is much
        pool.parse(note)
        (before,) = pool.pids
        pool.parse(note)
        assert pool.pids == [before]
        pool.parse(large)
        assert pool.pids == []
        assert pool.parse(note).text
