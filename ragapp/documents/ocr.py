"""Pictures of text → lines with their places, by RapidOCR: Chinese and English, models on disk."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from ragapp.documents.readers.pdf.lines import Line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXTRA, MODULE = "ocr", "rapidocr"
"""The optional packages of ragapp that this needs, and the module they bring."""
LEAST_SURE = 0.5
"""Confidence below which a line is taken for a pattern in a picture."""


def is_installed() -> bool:
    """Say whether the optional packages are there."""
    return importlib.util.find_spec(MODULE) is not None


def recognise(picture: NDArray[np.uint8], scale: float = 1.0) -> list[Line]:
    """Return the lines in a picture; ``y`` upwards from its lower edge, as in PDF.

    picture: (height, width, 3) uint8; scale: of the lines' places and sizes to its pixels.
    """
    found = _engine()(picture)
    if found.boxes is None or found.txts is None:
        return []
    height = picture.shape[0]
    lines = []
    for box, text, sure in zip(found.boxes, found.txts, found.scores, strict=True):
        if sure < LEAST_SURE or not text.strip():
            continue
        left, top, right, bottom = (float(one) for one in (*box.min(axis=0), *box.max(axis=0)))
        size = 0.8 * (bottom - top)
        lines.append(
            Line(
                " ".join(text.split()),
                left * scale,
                (height - bottom + 0.2 * size) * scale,
                size * scale,
                right * scale,
            )
        )
    return lines


@functools.cache
def _engine() -> Any:  # noqa: ANN401 - RapidOCR has no types
    """Load the models, which takes seconds, once a process."""
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "critical"})
