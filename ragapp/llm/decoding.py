"""How tokens are chosen: the values, named as transformers names them, and what goes together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from math import inf

from ragapp.errors import SettingsError, UsageError


class Mode(StrEnum):
    """The decoding strategies, as ``Decoding.mode`` reads them from the values."""

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

    @classmethod
    def preset(cls, name: str) -> Decoding:
        """Return one of ``PRESETS``.

        Raises:
            SettingsError: there is none of that name.
        """
        if name not in PRESETS:
            raise SettingsError("unknown_preset", name=name, presets=", ".join(PRESETS))
        return PRESETS[name]

    @property
    def mode(self) -> Mode:
        """The strategy that the values ask for."""
        if self.num_beam_groups > 1:
            return Mode.DIVERSE_BEAM
        if self.num_beams > 1:
            return Mode.BEAM
        if self.penalty_alpha:
            return Mode.CONTRASTIVE
        return Mode.SAMPLING if self.do_sample else Mode.GREEDY

    @property
    def streams(self) -> bool:
        """Whether text comes as it is made; beams know their answer only at the end."""
        return self.mode not in (Mode.BEAM, Mode.DIVERSE_BEAM)

    @property
    def beyond_sampling(self) -> list[str]:
        """The names of the values, if any, that only the torch engine knows."""
        asked = {
            "num_beams": self.num_beams > 1,
            "num_beam_groups": self.num_beam_groups > 1,
            "penalty_alpha": self.penalty_alpha is not None,
            "forbidden_words": bool(self.forbidden_words),
            "no_repeat_ngram_size": self.no_repeat_ngram_size > 0,
        }
        return [name for name, value in asked.items() if value]

    def check(self) -> None:
        """Refuse values that are out of range or do not go together.

        Raises:
            UsageError: naming the value, and what to do.
        """
        for fits, refusal in chain(_ranges(self), _combinations(self)):
            if not fits:
                raise refusal


LARGEST_SEED = 2**63 - 1
"""What every engine's random number generator takes."""

PRESETS = {
    "precise": Decoding(),
    "balanced": Decoding(do_sample=True, temperature=0.7, top_p=0.9),
    "creative": Decoding(do_sample=True, temperature=1.0, min_p=0.05),
}
"""Named starting points; ``precise`` (greedy) is what answers from documents use."""


_Rule = tuple[bool, UsageError]
"""Whether the values obey it, and what is said if not."""


def _ranges(d: Decoding) -> Iterator[_Rule]:
    """Yield what holds of each value by itself; NaN is in no range."""
    yield d.max_new_tokens >= 1, UsageError("decoding_max_new_tokens", value=d.max_new_tokens)
    yield d.num_beams >= 1, UsageError("decoding_num_beams", value=d.num_beams)
    yield d.num_beam_groups >= 1, UsageError("decoding_num_beam_groups", value=d.num_beam_groups)
    yield (
        d.no_repeat_ngram_size >= 0,
        UsageError("decoding_no_repeat_ngram_size", value=d.no_repeat_ngram_size),
    )
    yield (
        0 < d.repetition_penalty < inf,
        UsageError("decoding_repetition_penalty", value=d.repetition_penalty),
    )
    if d.temperature is not None:
        fits = 0 < d.temperature < inf
        yield fits, UsageError("decoding_temperature", value=d.temperature)
    if d.top_k is not None:
        yield d.top_k >= 1, UsageError("decoding_top_k", value=d.top_k)
    if d.top_p is not None:
        yield 0 < d.top_p <= 1, UsageError("decoding_top_p", value=d.top_p)
    if d.min_p is not None:
        yield 0 <= d.min_p <= 1, UsageError("decoding_min_p", value=d.min_p)
    if d.penalty_alpha is not None:
        fits = 0 < d.penalty_alpha <= 1
        yield fits, UsageError("decoding_penalty_alpha", value=d.penalty_alpha)
    if d.diversity_penalty is not None:
        fits = 0 < d.diversity_penalty < inf
        yield fits, UsageError("decoding_diversity_penalty", value=d.diversity_penalty)
    if d.length_penalty is not None:
        fits = -inf < d.length_penalty < inf
        yield fits, UsageError("decoding_length_penalty", value=d.length_penalty)
    if d.seed is not None:
        fits = 0 <= d.seed <= LARGEST_SEED
        yield fits, UsageError("decoding_seed", value=d.seed, largest=LARGEST_SEED)
    yield all(d.stop_strings), UsageError("decoding_empty_stop_string")
    yield (
        all(word.strip() for word in d.forbidden_words),
        UsageError("decoding_empty_forbidden_word"),
    )


def _combinations(d: Decoding) -> Iterator[_Rule]:
    """Yield which values need one another, and which exclude one another."""
    beams, groups, alpha = d.num_beams, d.num_beam_groups, d.penalty_alpha
    for name in ("temperature", "top_p", "min_p", "seed"):
        value = getattr(d, name)
        yield (
            value is None or d.do_sample,
            UsageError("decoding_without_sampling", name=name, value=value),
        )
    yield (
        d.top_k is None or d.do_sample or alpha is not None,
        UsageError("decoding_top_k_unused", value=d.top_k),
    )
    yield beams == 1 or not d.do_sample, UsageError("decoding_beams_with_sampling", beams=beams)
    yield (
        alpha is None or not d.do_sample,
        UsageError("decoding_contrastive_with_sampling", alpha=alpha),
    )
    yield (
        alpha is None or beams == 1,
        UsageError("decoding_contrastive_with_beams", alpha=alpha, beams=beams),
    )
    yield (
        alpha is None or (d.top_k or 0) > 1,
        UsageError("decoding_contrastive_without_choice", alpha=alpha, top_k=d.top_k),
    )
    yield (
        groups == 1 or (beams >= groups and beams % groups == 0),
        UsageError("decoding_unequal_groups", groups=groups, beams=beams),
    )
    yield (
        groups == 1 or d.diversity_penalty is not None,
        UsageError("decoding_groups_without_penalty", groups=groups),
    )
    yield (
        groups > 1 or d.diversity_penalty is None,
        UsageError("decoding_penalty_without_groups", value=d.diversity_penalty),
    )
    yield (
        beams > 1 or d.length_penalty is None,
        UsageError("decoding_length_penalty_without_beams", value=d.length_penalty),
    )
