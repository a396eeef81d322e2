"""The local backend: whatever was changed, it answers as an index built anew would."""

import json

import numpy as np
import pytest

from ragapp.embedding.whiten import unit
from ragapp.index.backend import Changes, IndexDamaged, Passages, whole_generation
from ragapp.index.local import segment as segments
from ragapp.index.local.index import LocalIndex
from ragapp.text.terms import term_counts

from ..builders import asked

DIMENSION = 12
WORDS = [
    "cat",
    "dog",
    "bird",
    "whitening",
    "faiss",
    "检索",
    "白化",
    "question",
    "answer",
    "page",
    "line",
    "句子",
]
QUERIES = ["cat dog", "白化检索", "zebra", "", "the page and the question", "bird bird faiss"]


class Base:
    """Documents of random passages, and an index that is brought from one change to the next."""

    def __init__(self, folder, seed=0):
        self.folder = folder
        self.backend = LocalIndex(folder)
        self.generator = np.random.default_rng(seed)
        self.live: dict[int, list[tuple[int, np.ndarray, str]]] = {}
        self.next_document = self.next_id = 1
        self.generation = 0
        self.index = None
        self.added, self.removed = [], []

    def add(self, passages):
        rows = []
        for _ in range(passages):
            text = " ".join(self.generator.choice(WORDS, self.generator.integers(0, 9)))
            rows.append((self.next_id, unit(self.generator.normal(size=DIMENSION) + 0.3), text))
            self.next_id += 1
        self.live[self.next_document] = rows
        self.added.append(self.next_document)
        self.next_document += 1

    def remove(self, document):
        self.removed += [chunk for chunk, _, _ in self.live.pop(document)]

    def passages(self, documents):
        rows = [(document, *row) for document in documents for row in self.live.get(document, ())]
        return Passages(
            np.array([row[1] for row in rows], np.int64),
            np.array([row[0] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float32).reshape(len(rows), DIMENSION),
            [term_counts(row[3]) for row in rows],
        )

    def changes(self):
        self.generation += 1
        if self.generation == 1:
            made = whole_generation(1, 1, [self.passages(self.live)])
        else:
            removed = np.array(sorted(self.removed), np.int64)
            made = Changes(self.generation, 1, [self.passages(self.added)], removed)
        self.added, self.removed = [], []
        return made

    def publish(self, *, in_memory=True):
        self.index = self.backend.apply(self.changes(), self.index if in_memory else None)
        if self.index is None:
            self.index = LocalIndex(self.folder).open(self.generation, 1)
        self.backend.drop_others(self.generation)
        return self.index

    def anew(self, folder):
        passages = self.passages(sorted(self.live))
        return LocalIndex(folder).rebuild(whole_generation(self.generation, 1, [passages]))


@pytest.fixture
def base(tmp_path):
    (tmp_path / "kb").mkdir()
    (tmp_path / "anew").mkdir()
    return Base(tmp_path / "kb")


def assert_equal(index, expected, generator, only=None):
    for query in QUERIES:
        question = unit(generator.normal(size=DIMENSION))
        for depth in (5, 10_000):
            got = index.candidates(question, asked(query), depth, only)
            wanted = expected.candidates(question, asked(query), depth, only)
            assert got.ids.tolist() == wanted.ids.tolist()
            assert got.dense == pytest.approx(wanted.dense, abs=1e-5)
            assert got.lexical == pytest.approx(wanted.lexical, abs=1e-5)
            for name in ("dense_moments", "lexical_moments"):
                a, b = getattr(got, name), getattr(wanted, name)
                assert (a.mean, a.deviation) == pytest.approx((b.mean, b.deviation), abs=1e-5)
        assert index.frequencies(asked(query)) == expected.frequencies(asked(query))


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "from disk"])
@pytest.mark.parametrize("seed", range(3))
def test_random_changes_leave_what_building_anew_gives(base, tmp_path, seed, in_memory):
    chance = np.random.default_rng(seed)
    for _ in range(40):
        for _ in range(chance.integers(0, 4)):
            base.add(int(chance.choice([0, 1, 1, 2, 30])))
        for _ in range(chance.integers(0, 3)):  # half of it is an update: gone and added anew
            known = sorted(set(base.live) - set(base.added))
            if known:
                base.remove(int(chance.choice(known)))
                if chance.random() < 0.5:
                    base.add(int(chance.choice([1, 3])))
        base.publish(in_memory=in_memory)
    expected = base.anew(tmp_path / "anew")
    assert expected.statistics.size > 100
    assert_equal(base.index, expected, chance)
    assert_equal(LocalIndex(base.folder).open(base.generation, 1), expected, chance)
    some = sorted(base.live)[::3]
    assert_equal(base.index, expected, chance, only=some)
    assert len(base.index.parts) < 30


def test_only_some_documents_are_searched_exactly(base):
    for _ in range(30):
        base.add(5)
    base.publish()
    base.remove(7)
    index = base.publish()
    wanted = [3, 7, 29]
    mine = {chunk for document in (3, 29) for chunk, _, _ in base.live[document]}
    question = unit(np.random.default_rng(1).normal(size=DIMENSION))
    found = index.candidates(question, asked("cat dog"), 10_000, wanted)
    assert set(found.ids.tolist()) == mine
    best = index.candidates(question, asked("zebra"), 1, wanted)
    every = index.candidates(question, asked("zebra"), 10_000)
    of_mine = [(score, chunk) for score, chunk in zip(every.dense, every.ids) if chunk in mine]  # noqa: B905
    assert best.ids.tolist() == [max(of_mine)[1]]
    assert best.dense_moments == every.dense_moments
    assert index.candidates(question, asked("cat"), 10, []).ids.tolist() == []


def test_everything_removed_is_an_empty_index_that_goes_on(base):
    base.add(3)
    base.publish()
    base.remove(1)
    index = base.publish()
    assert index.candidates(np.ones(DIMENSION, np.float32), asked("cat"), 10).ids.tolist() == []
    assert index.frequencies({"cat", "dog"}) == {"cat": 0, "dog": 0}
    base.add(2)
    assert len(base.publish().candidates(np.ones(DIMENSION, np.float32), asked(""), 10).ids) == 2


def test_a_generation_costs_what_has_changed(base, monkeypatch):
    base.add(5000)
    base.publish()
    written = {file: file.stat().st_mtime_ns for file in (base.folder / "index").iterdir()}
    monkeypatch.setattr(segments, "load", None)  # what is there is not even read
    base.add(1)
    base.backend.apply(base.changes())
    base.remove(1)
    base.add(1)
    for file in (base.folder / "index").iterdir():
        if file.suffix != ".json" and file not in written:
            assert file.stat().st_size < 5000
    assert all(file.stat().st_mtime_ns == before for file, before in written.items())


def test_opening_the_next_generation_reads_only_what_is_new(base, monkeypatch):
    base.add(500)
    old = base.publish()
    base.add(2)
    base.publish(in_memory=False)
    assert base.backend.to_read(2, old) == 2
    assert base.backend.to_read(2, None) == 502
    assert base.backend.to_read(3, old) is None
    read, load = [], segments.load

    def note(folder, name, rows, files):
        read.append(rows)
        return load(folder, name, rows, files)

    monkeypatch.setattr(segments, "load", note)
    base.backend.open(2, 1, old)
    assert read == [2]


def test_files_stay_few_however_many_generations(base):
    for _ in range(200):
        base.add(1)
        if len(base.live) > 5:
            base.remove(min(base.live))
        base.publish()
    assert len(list((base.folder / "index").iterdir())) < 60
    assert base.index.statistics.size == 5


def test_what_a_killed_writer_left_is_cleared_away(base):
    base.add(3)
    base.publish()
    sound = {file.name for file in (base.folder / "index").iterdir()}
    base.add(2)
    base.backend.apply(base.changes())  # and killed before the store names it current
    assert {file.name for file in (base.folder / "index").iterdir()} > sound
    base.backend.drop_others(1)
    assert {file.name for file in (base.folder / "index").iterdir()} == sound


def test_caches_of_earlier_versions_are_cleared_away(base):
    old = base.folder / "index-00000012"
    old.mkdir()
    (old / "dense.faiss").write_bytes(b"old")
    base.add(1)
    base.publish()
    assert not old.exists()


@pytest.mark.parametrize("what", ["absent", "another space", "a short file", "an id that is not"])
def test_changes_to_what_is_not_sound_are_refused(base, what):
    base.add(3)
    base.publish()
    changes = Changes(2, 1, [base.passages([])], np.array([2], np.int64))
    if what == "absent":
        changes = Changes(3, 1, [base.passages([])], changes.removed)
    elif what == "another space":
        changes = Changes(2, 2, [base.passages([])], changes.removed)
    elif what == "a short file":
        [file] = (base.folder / "index").glob("*.faiss")
        file.write_bytes(file.read_bytes()[:-1])
    else:
        [file] = (base.folder / "index").glob("*.safetensors")
        index = base.index.parts[0].segment
        segments.save(index, base.folder)  # a folder of its own: names are never used twice
        harmed = (base.folder / file.name).read_bytes().replace(
            np.array([1, 2, 3], np.int64).tobytes(), np.array([1, 4, 5], np.int64).tobytes()
        )  # fmt: skip
        file.write_bytes(harmed)
    with pytest.raises(IndexDamaged):
        base.backend.apply(changes)


def test_another_space_is_not_opened(base):
    base.add(3)
    base.publish()
    assert LocalIndex(base.folder).open(1, 1) is not None
    assert LocalIndex(base.folder).open(1, 2) is None


def test_a_manifest_with_a_changed_letter_is_not_opened(base):
    base.add(3)
    base.publish()
    [file] = (base.folder / "index").glob("*.json")
    body = json.loads(file.read_text())
    body["segments"][0]["files"] = {}
    file.write_text(json.dumps(body))
    assert LocalIndex(base.folder).open(1, 1) is None
