"""What every extract promises to all that is built upon it."""

from ragapp.documents.readers import Extract
from ragapp.documents.split import split_document
from ragapp.types import Document
from ragapp.words.catalogue import CHINESE, note_sentence


def check(extract: Extract) -> None:
    """Hold an extract against what all that follows relies on."""
    text = extract.text
    text.encode()  # it can be stored
    assert "\0" not in text
    assert all(0 <= one.start < len(text) for one in extract.headings)
    assert all(0 <= one.start < one.end <= len(text) for one in extract.blocks)
    ends = [(page.start, page.end) for page in extract.pages]
    assert all(0 <= start <= end <= len(text) for start, end in ends)
    assert ends == sorted(ends)
    for note in extract.notes:
        assert note_sentence(note.code, note.values)
        assert note_sentence(note.code, note.values, CHINESE)
    document = Document(
        "a", "/a", "", "", text, extract.pages, extract.headings, blocks=extract.blocks
    )
    for chunk in split_document(document, lambda texts: [len(one) // 4 + 1 for one in texts], 64):
        assert chunk.text == text[chunk.start : chunk.end]
        assert all(chunk.start <= s.start < s.end <= chunk.end for s in chunk.sentences)
