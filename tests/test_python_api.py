"""Ten lines of Python ask the documents; the README shows them, and they run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ragapp
from ragapp.errors import KnowledgeBaseMissing
from ragapp.ingest import Status
from ragapp.library import Library
from ragapp.people import LOCAL
from ragapp.types import AnswerDone, EvidenceFound, Turn

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def base(models_dir, tmp_path_factory):
    home = tmp_path_factory.mktemp("api")
    (home / "ragapp.toml").write_text(f"models = {str(models_dir)!r}")
    folder = tmp_path_factory.mktemp("docs")
    (folder / "cats.txt").write_text("The cat sleeps on the warm mat all day long.")
    made = ragapp.open("pets", home)
    [cats] = made.ingest(folder)
    assert cats.status is Status.ADDED
    return made


def test_a_base_is_made_once_and_found_again(base):
    again = ragapp.open("pets", base._library.settings.home)
    assert [hit.document for hit in again.search("Who sleeps on the mat?")] == ["cats.txt"]


def test_one_path_or_several(base, tmp_path):
    (tmp_path / "dogs.txt").write_text("Dogs chase the postman.")
    assert len(base.ingest(str(tmp_path / "dogs.txt"))) == 1
    assert len(base.ingest([tmp_path / "dogs.txt", str(tmp_path / "missing.txt")])) == 2


def test_an_answer_is_a_stream_that_begins_with_evidence_and_ends_done(base):
    events = list(base.ask("Where does the cat sleep?", mode="quotes"))
    assert isinstance(events[0], EvidenceFound)
    assert isinstance(events[-1], AnswerDone)
    assert "warm mat" in events[-1].answer


@pytest.mark.parametrize(
    "turn", [Turn("Where does the cat sleep?", "On the mat."), ("Where does the cat sleep?", "Mat")]
)
def test_history_is_turns_or_pairs(base, turn):
    done = list(base.ask("And why?", history=[turn], mode="quotes"))[-1]
    assert done.citations[0].document == "cats.txt"


def test_importing_ragapp_imports_nothing_else():
    script = "import sys, ragapp; print(*[m for m in sys.modules if m.startswith('ragapp.')])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == ""


def test_the_example_of_the_readme_runs(base, models_dir, monkeypatch, tmp_path, capsys):
    block = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    code = block[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.setenv("RAGAPP_HOME", str(tmp_path))
    monkeypatch.setenv("RAGAPP_MODELS", str(models_dir))
    monkeypatch.chdir(README.parent)
    exec(code, {})
    said = capsys.readouterr().out
    assert "[1]" in said
    assert "added" in said


def test_bytes_that_are_no_text_in_a_question_are_left_out(base):
    assert base.search("cat \ud800 mat", k=1)[0].document == "cats.txt"
    done = list(base.ask("the cat \ud800 sleeps where?", [("\udfff", "")], mode="quotes"))[-1]
    assert done.citations


def test_a_base_that_another_program_has_made_anew_is_asked_as_it_is_now(base, tmp_path):
    home = base._library.settings.home
    first = ragapp.open("remade", home)
    (tmp_path / "one.txt").write_text("The cat sleeps on the mat.")
    first.ingest(tmp_path / "one.txt")
    assert first.search("cat")
    other = Library(base._library.settings)  # as another process has it
    other.delete("remade", LOCAL)
    other.create("remade", LOCAL)
    assert first.search("cat") == []
    other.delete("remade", LOCAL)
    with pytest.raises(KnowledgeBaseMissing):
        first.search("cat")
