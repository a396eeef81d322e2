"""Archives: every file in them by its own reader, what is not read by name, bombs refused."""

import gzip
import io
import tarfile
import zipfile

import pytest

from ragapp.documents.readers.archives import seven_zip, tar
from ragapp.documents.readers.archives import zip as zip_archive
from ragapp.errors import BrokenDocument, EncryptedDocument

from .samples import HAN, SENTENCE, docx, text, zip_of


def test_members_are_read_by_their_kind_under_their_names() -> None:
    made = zip_of({"letters/a.txt": text(), "b.docx": docx(), "c.exe": b"\0\1", "__MACOSX/x": b"y"})
    extract = zip_archive.read(made, "a.zip")
    titles = [heading.title for heading in extract.headings]
    assert titles == ["letters/a.txt", "b.docx", "Harbour"]
    assert extract.text.count(SENTENCE) == 2
    assert [(note.code, note.values) for note in extract.notes] == [
        ("members_not_read", {"count": 1, "names": "c.exe"})
    ]


def test_tables_in_members_stay_tables() -> None:
    extract = zip_archive.read(zip_of({"a.csv": "part,qty\na,1\nb,2\n"}), "a.zip")
    (block,) = extract.blocks
    assert extract.text[block.start : block.end] == "part: a | qty: 1\npart: b | qty: 2"


def test_chinese_names_packed_by_windows_are_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("zzzz.txt"), text())
    data = file.getvalue().replace(b"zzzz.txt", "合同".encode("gb18030") + b".txt")
    assert zip_archive.read(data, "a.zip").headings[0].title == "合同.txt"


def test_archives_in_archives_come_to_an_end() -> None:
    made = zip_of({"a.txt": text()})
    for _ in range(4):
        made = zip_of({"inner.zip": made})
    assert SENTENCE in zip_archive.read(made, "a.zip").text
    for _ in range(4):
        made = zip_of({"inner.zip": made})
    with pytest.raises(BrokenDocument, match="lie in one another"):
        zip_archive.read(made, "a.zip")


def test_packed_tars_and_single_files() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("../../港口.txt")
        info.size = len(text())
        archive.addfile(info, io.BytesIO(text()))
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    extract = tar.read(file.getvalue(), "a.tar.gz")
    assert HAN in extract.text
    assert "root:" not in extract.text
    assert SENTENCE in tar.read(gzip.compress(text()), "log.txt.gz").text


def test_what_would_bloat_is_refused() -> None:
    bomb = gzip.compress(bytes(600 << 20), 9)
    with pytest.raises(BrokenDocument, match="unpack to"):
        tar.read(bomb, "a.gz")
    with pytest.raises(BrokenDocument, match="unpack to"):
        zip_archive.read(zip_of({"a.txt": bytes(600 << 20)}), "a.zip")


def test_locked_archives_are_told() -> None:
    import py7zr

    file = io.BytesIO()
    with py7zr.SevenZipFile(file, "w", password="secret") as archive:
        archive.writestr("words", "a.txt")
    with pytest.raises(EncryptedDocument, match="locked"):
        seven_zip.read(file.getvalue(), "a.7z")
    made = bytearray(zip_of({"a.txt": text()}))
    made[6] |= 1
    made[made.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(EncryptedDocument, match="locked"):
        zip_archive.read(bytes(made), "a.zip")
