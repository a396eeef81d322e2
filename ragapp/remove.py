"""Documents taken out of a knowledge base, and the change made searchable at once."""

from __future__ import annotations

from collections.abc import Sequence

from ragapp.index.store import StoredDocument
from ragapp.library import OpenKnowledgeBase

WAIT_FOR_WRITER_S = 10.0
"""Another writer holds the lock only while it stores a group of files, or deletes one."""


def remove(document: str, within: OpenKnowledgeBase) -> list[StoredDocument]:
    """Take the documents of a name or path out of a knowledge base. Returns those removed."""
    with within.kb.writer(WAIT_FOR_WRITER_S) as writer:
        removed = writer.find(name=document, path=document)
        for stored in removed:
            writer.remove(stored.id)
        if removed:
            writer.publish(within.space)
    return removed


def remove_document(
    document_id: int, path: str, within: OpenKnowledgeBase
) -> StoredDocument | None:
    """Take out the document of an id, if it has that path. Returns it, None if there is none."""
    with within.kb.writer(WAIT_FOR_WRITER_S) as writer:
        found = [d for d in writer.find(path=path) if d.id == document_id]
        for stored in found:
            writer.remove(stored.id)
            writer.publish(within.space)
    return found[0] if found else None


def remove_all(paths: Sequence[str], within: OpenKnowledgeBase) -> list[StoredDocument]:
    """Take the documents of several paths out in one go. Returns those removed."""
    with within.kb.writer(WAIT_FOR_WRITER_S) as writer:
        removed = [stored for path in paths for stored in writer.find(path=path)]
        for stored in removed:
            writer.remove(stored.id)
        if removed:
            writer.publish(within.space)
    return removed
