"""A bit that has changed on the disk is noticed: no answer comes from it, and verify names it."""

import random
import shutil

import pytest

from ragapp import paths
from ragapp.errors import RagappError
from ragapp.index.knowledge_base import KnowledgeBase
from ragapp.index.verify import verify

from .builders import document, new_kb, searched, whitening_space

FLIPS = 300


@pytest.fixture
def kb(tmp_path):
    many = [
        document(f"/d/{i}.txt", *(f"passage {i} {n} 第{n}段" for n in range(6))) for i in range(12)
    ]
    return new_kb(tmp_path / "kb", *many, space=whitening_space())


def read(folder):
    """Everything a reader is told: what is found, the documents, their text."""
    kb = KnowledgeBase.open(folder)
    documents = kb.documents()
    return searched(kb, "passage 3", whitening_space()), documents, [
        kb.document_text(each.id) for each in documents
    ]  # fmt: skip


def test_a_whole_one_passes(kb):
    found = verify(kb.folder)
    assert (found.documents, found.passages, found.harmed, found.stale) == (12, 72, (), ())
    assert found.files > 0


@pytest.mark.parametrize("without_index", [False, True])
def test_no_flipped_bit_of_the_database_is_served(kb, tmp_path, without_index):
    generator = random.Random(8)
    if without_index:
        shutil.rmtree(paths.index_folder(kb.folder))
    expected = read(kb.folder)
    if without_index:
        shutil.rmtree(paths.index_folder(kb.folder))
    content = paths.store_file(kb.folder).read_bytes()
    noticed = 0
    for _ in range(FLIPS // 2):
        place = generator.randrange(len(content))
        harmed = bytearray(content)
        harmed[place] ^= 1 << generator.randrange(8)
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(kb.folder, copy)
        paths.store_file(copy).write_bytes(harmed)
        told = read_or_refusal(copy)
        if isinstance(told, RagappError):
            noticed += 1
            assert told.line("zh")
            assert verify_refuses(copy), place
        else:
            assert told == expected, place
    assert noticed > FLIPS // 20


def read_or_refusal(folder):
    try:
        return read(folder)
    except RagappError as error:
        return error


def verify_refuses(folder):
    try:
        return bool(verify(folder).harmed)
    except RagappError:
        return True


def test_a_cut_database_is_refused(kb, tmp_path):
    content = paths.store_file(kb.folder).read_bytes()
    for size in range(1, len(content), len(content) // 20):
        copy = tmp_path / str(size)
        shutil.copytree(kb.folder, copy)
        paths.store_file(copy).write_bytes(content[:size])
        assert verify_refuses(copy), size


def test_a_flipped_bit_in_any_file_of_the_index_is_named_and_answers_stay(kb, tmp_path):
    expected = read(kb.folder)
    for file in paths.index_folder(kb.folder).iterdir():
        copy = tmp_path / file.name
        shutil.copytree(kb.folder, copy)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        (paths.index_folder(copy) / file.name).write_bytes(content)
        found = verify(copy)
        assert found.stale
        assert not found.harmed
        assert read(copy) == expected
