"""How tokens are chosen: the values, named as transformers names them, and what goes together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ragapp.errors import UsageError


class Mode(StrEnum):
    """The decoding strategies, as ``mode`` reads them from the values of a ``Decoding``."""

    GREEDY = "greedy"
    SAMPLING = "sampling"
    BEAM = "beam search"
    DIVERSE_BEAM = "diverse beam search"
    CONTRASTIVE = "contrastive search"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen, named as transformers names it; None leaves a value unused.

    Contrastive search is ``penalty_alpha`` with ``top_k``; diverse beam search is
    ``num_beam_groups`` with ``diversity_penalty``.
    """

    max_new_tokens: int = 400
    do_sample: bool = False
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    num_beams: int = 1
    num_beam_groups: int = 1
    diversity_penalty: float | None = None
    length_penalty: float | None = None
    penalty_alpha: float | None = None
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    stop_strings: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    seed: int | None = None


PRESETS = {
    "precise": Decoding(),
    "balanced": Decoding(do_sample=True, temperature=0.7, top_p=0.9),
    "creative": Decoding(do_sample=True, temperature=1.0, min_p=0.05),
}
"""Named starting points; ``precise`` (greedy) is what answers from documents use."""


def mode(decoding: Decoding) -> Mode:
    """Return the strategy that the values ask for."""
    if decoding.num_beam_groups > 1:
        return Mode.DIVERSE_BEAM
    if decoding.num_beams > 1:
        return Mode.BEAM
    if decoding.penalty_alpha:
        return Mode.CONTRASTIVE
    return Mode.SAMPLING if decoding.do_sample else Mode.GREEDY


def streams(decoding: Decoding) -> bool:
    """Say whether text comes as it is made; beams know their answer only at the end."""
    return mode(decoding) not in (Mode.BEAM, Mode.DIVERSE_BEAM)


def check(decoding: Decoding) -> None:
    """Refuse values that are out of range or do not go together.

    Raises:
        UsageError: naming the values and what to do.
    """
    if decoding.max_new_tokens < 1:
        raise UsageError(
            f"max_new_tokens {decoding.max_new_tokens}",
            "an answer has at least one token",
            "Give 1 or more.",
        )
