"""Source code, settings and logs: lines that stay lines."""

from __future__ import annotations

from ragapp.documents.readers import Extract, Format
from ragapp.documents.readers.compose import Composer
from ragapp.documents.readers.text import damage_notes
from ragapp.text.decode import decode


def read(data: bytes, name: str) -> Extract:
    """Return the lines of a program.

    Raises:
        BrokenDocument: the bytes are not text.
    """
    decoded = decode(data, name)
    composer = Composer()
    composer.code(decoded.text)
    return composer.extract(damage_notes(decoded.damaged))


FORMAT = Format(
    name="source code",
    name_zh="源代码",
    suffixes=(
        ".py", ".js", ".ts", ".jsx", ".tsx", ".java", ".kt", ".c", ".h", ".cpp", ".hpp", ".cc",
        ".cs", ".go", ".rs", ".rb", ".php", ".swift", ".scala", ".lua", ".pl", ".r", ".jl", ".m",
        ".sh", ".bat", ".ps1", ".sql", ".css", ".vue", ".yaml", ".yml", ".toml", ".ini", ".cfg",
        ".conf", ".properties", ".xml", ".tex", ".rst", ".log",
    ),
    media_type="text/x-source",
    read=read,
)  # fmt: skip
