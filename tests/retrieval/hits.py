"""Hits made by hand."""

from ragapp.types import Hit, ScoredSentence


def hit(text, scores, *, start=0, path="/d/a.md", score=1.0, chunk_id=1, heading=()):
    """A hit whose sentences end in full stops; ``scores`` has one for each."""
    sentences, at = [], 0
    for sentence_score, sentence in zip(scores, text.split(". "), strict=True):
        sentence = sentence if sentence.endswith(".") else sentence + "."
        sentences.append(
            ScoredSentence(sentence, start + at, start + at + len(sentence), None, sentence_score)
        )
        at += len(sentence) + 1
    return Hit(
        chunk_id, path.rsplit("/", 1)[1], path, None, heading, start, start + len(text), text,
        score, 0.0, 0.0, tuple(sentences), document_id=1,
    )  # fmt: skip
