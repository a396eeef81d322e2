"""Tell the kind of a file from its bytes, by the signatures that the formats state."""

from __future__ import annotations

from ragapp.documents.formats import FORMATS, UNREAD, Unread
from ragapp.documents.readers import Format
from ragapp.documents.signatures import OLE_MARK, look_at

# A password turns an Office file into an OLE file with a stream of this name.
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def sniff(data: bytes) -> Format | Unread | None:
    """Return the kind that ``data`` is for certain; None when it has no signature (text, rubbish).

    Takes time linear in the length, whatever the bytes.
    """
    content = look_at(data)
    kinds: tuple[Format | Unread, ...] = (*FORMATS, *UNREAD)
    for kind in kinds:
        if kind.signature is not None and kind.signature(content):
            return kind
    return None


def is_encrypted_office(data: bytes) -> bool:
    """Say whether an old-style Office file only wraps a document locked with a password."""
    return data.startswith(OLE_MARK) and _ENCRYPTED_PACKAGE in data
