"""A document deleted on the page is out at once, and back within ten seconds if wanted."""

import time

import pytest
from fixtures import library

from ragapp import paths
from ragapp.ask import find
from ragapp.ingest import ingest
from ragapp.people import LOCAL
from ragapp.uploads import deletion, files
from ragapp.uploads.deletion import Deletions
from ragapp.uploads.queue import IngestQueue


@pytest.fixture
def shelf(models_dir, tmp_path_factory):
    return library(models_dir, tmp_path_factory.getbasetemp() / "deletion-home")


@pytest.fixture
def two_bases(shelf, tmp_path, request):
    """Two bases whose documents have the same ids; one document was dropped on the page."""
    made = []
    for which, text in (("one", "Cats sleep on the mat."), ("two", "Dogs chase the postman.")):
        name = f"{which}-{abs(hash(request.node.name))}"
        within = shelf.create(name, LOCAL)
        upload = tmp_path / f"{which}.txt"
        upload.write_text(text)
        waiting = files.accept(upload, shelf.settings.home, name, upload.name)
        ingest([files.place(waiting, paths.uploads(within.kb.folder))], within)
        made.append(within)
    return made


def test_a_document_of_another_base_with_the_same_id_is_not_deleted(shelf, two_bases):
    """The row says base, id and path; all three must be of one document."""
    one, two = two_bases
    deletions = Deletions(shelf, IngestQueue(shelf))
    [of_one], [of_two] = one.kb.documents(), two.kb.documents()
    assert of_one.id == of_two.id
    assert deletions.delete(two.kb.name, of_one.id, of_one.path, LOCAL) is None
    assert deletions.delete(two.kb.name, of_two.id + 1, of_two.path, LOCAL) is None
    assert len(one.kb.documents()) == len(two.kb.documents()) == 1


def test_deleting_is_undone_with_the_file(shelf, two_bases):
    one, _ = two_bases
    queue = IngestQueue(shelf)
    deletions = Deletions(shelf, queue)
    [document] = one.kb.documents()
    done = deletions.delete(one.kb.name, document.id, document.path, LOCAL)
    assert one.kb.documents() == []
    assert find("Who sleeps on the mat?", one, 1) == []
    assert deletions.undo(done.token, LOCAL) == done
    while queue.state(one.kb.name).active:
        time.sleep(0.05)
    assert [d.path for d in one.kb.documents()] == [document.path]
    assert find("Who sleeps on the mat?", one, 1)[0].document == "one.txt"
    assert deletions.undo(done.token, LOCAL) is None


def test_after_a_while_the_deletion_is_final(shelf, two_bases, monkeypatch):
    monkeypatch.setattr(deletion, "UNDO_S", 0.1)
    one, _ = two_bases
    deletions = Deletions(shelf, IngestQueue(shelf))
    [document] = one.kb.documents()
    done = deletions.delete(one.kb.name, document.id, document.path, LOCAL)
    time.sleep(0.5)
    assert deletions.undo(done.token, LOCAL) is None
    assert not list(paths.uploads(one.kb.folder).rglob("*.txt"))


@pytest.mark.parametrize("own", [True, False])
def test_with_its_base_gone_a_deletion_cannot_be_undone(shelf, two_bases, tmp_path, own):
    one, _ = two_bases
    deletions = Deletions(shelf, IngestQueue(shelf))
    if not own:
        elsewhere = tmp_path / "elsewhere.txt"
        elsewhere.write_text("Owls hunt at night.")
        ingest([elsewhere], one)
    [document] = [d for d in one.kb.documents() if (d.name == "one.txt") == own]
    done = deletions.delete(one.kb.name, document.id, document.path, LOCAL)
    assert done.own_file == own
    shelf.delete(one.kb.name, LOCAL)
    assert deletions.undo(done.token, LOCAL) is None
    assert one.kb.name not in shelf.names(LOCAL)
