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
            raise SettingsError(
                f"decoding '{name}'",
                "there is no preset of that name",
                f"Choose one of: {', '.join(PRESETS)}.",
            )
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

    def check(self) -> None:
        """Refuse values that are out of range or do not go together.

        Raises:
            UsageError: naming the value, and what to do.
        """
        for fits, value, why, fix in chain(_ranges(self), _combinations(self)):
            if not fits:
                raise UsageError(value, why, fix)


LARGEST_SEED = 2**63 - 1
"""What every engine's random number generator takes."""

PRESETS = {
    "precise": Decoding(),
    "balanced": Decoding(do_sample=True, temperature=0.7, top_p=0.9),
    "creative": Decoding(do_sample=True, temperature=1.0, min_p=0.05),
}
"""Named starting points; ``precise`` (greedy) is what answers from documents use."""


_Rule = tuple[bool, str, str, str]
"""Whether the values obey it; and if not: which value, why not, what to do."""


def _ranges(d: Decoding) -> Iterator[_Rule]:
    """Yield what holds of each value by itself; NaN is in no range."""

    def within(name: str, fits: bool, why: str, fix: str) -> _Rule:
        return fits, f"{name} {getattr(d, name)}", why, fix

    positive = "Give a number above 0."
    fraction = "Give a number above 0 and at most 1."
    yield within(
        "max_new_tokens", d.max_new_tokens >= 1, "an answer has a token", "Give 1 or more."
    )
    yield within("num_beams", d.num_beams >= 1, "a search keeps a beam", "Give 1 or more.")
    yield within("num_beam_groups", d.num_beam_groups >= 1, "beams form a group", "Give 1 or more.")
    yield within(
        "no_repeat_ngram_size", d.no_repeat_ngram_size >= 0, "it counts tokens",
        "Give 0, which forbids no repetition, or more.",
    )  # fmt: skip
    yield within(
        "repetition_penalty", 0 < d.repetition_penalty < inf, "scores are divided by it", positive
    )
    if d.temperature is not None:
        yield within(
            "temperature", 0 < d.temperature < inf, "scores are divided by it",
            "Give a number above 0; for the likeliest token each time, turn do_sample off.",
        )  # fmt: skip
    if d.top_k is not None:
        yield within("top_k", d.top_k >= 1, "it counts tokens", "Give 1 or more, or leave it out.")
    if d.top_p is not None:
        yield within("top_p", 0 < d.top_p <= 1, "it is a probability", fraction)
    if d.min_p is not None:
        yield within(
            "min_p", 0 <= d.min_p <= 1, "it is a probability", "Give a number from 0 to 1."
        )
    if d.penalty_alpha is not None:
        yield within("penalty_alpha", 0 < d.penalty_alpha <= 1, "it weighs two terms", fraction)
    if d.diversity_penalty is not None:
        yield within(
            "diversity_penalty", 0 < d.diversity_penalty < inf, "it keeps groups apart", positive
        )
    if d.length_penalty is not None:
        yield within(
            "length_penalty", -inf < d.length_penalty < inf, "it is an exponent",
            "Give a number: above 0 for longer answers, below 0 for shorter ones.",
        )  # fmt: skip
    if d.seed is not None:
        yield within(
            "seed", 0 <= d.seed <= LARGEST_SEED, "random number generators do not take it",
            f"Give a whole number from 0 to {LARGEST_SEED}.",
        )  # fmt: skip
    yield (
        all(d.stop_strings), "an empty stop string", "every answer would end before it begins",
        "Give one or more characters, or leave it out.",
    )  # fmt: skip
    yield (
        all(word.strip() for word in d.forbidden_words), "an empty forbidden word",
        "it is in every text", "Give one or more characters, or leave it out.",
    )  # fmt: skip


def _combinations(d: Decoding) -> Iterator[_Rule]:
    """Yield which values need one another, and which exclude one another."""
    beams, groups, alpha = d.num_beams, d.num_beam_groups, d.penalty_alpha
    sampling = "it shapes sampling, and do_sample is off"
    for name in ("temperature", "top_p", "min_p", "seed"):
        value = getattr(d, name)
        fix = f"Turn do_sample on, or leave {name} out."
        yield value is None or d.do_sample, f"{name} {value}", sampling, fix
    yield (
        d.top_k is None or d.do_sample or alpha is not None, f"top_k {d.top_k}",
        "it belongs to sampling and to contrastive search, and neither is asked for",
        "Turn do_sample on, give penalty_alpha, or leave top_k out.",
    )  # fmt: skip
    yield (
        beams == 1 or not d.do_sample, f"num_beams {beams} with do_sample",
        "beam search keeps the likeliest texts and draws none",
        "Turn do_sample off, or leave num_beams out.",
    )  # fmt: skip
    yield (
        alpha is None or not d.do_sample, f"penalty_alpha {alpha} with do_sample",
        "contrastive search draws nothing", "Turn do_sample off, or leave penalty_alpha out.",
    )  # fmt: skip
    yield (
        alpha is None or beams == 1, f"penalty_alpha {alpha} with num_beams {beams}",
        "contrastive search and beam search exclude each other", "Leave one of them out.",
    )  # fmt: skip
    yield (
        alpha is None or (d.top_k or 0) > 1, f"penalty_alpha {alpha} with top_k {d.top_k}",
        "contrastive search chooses among the top_k likeliest tokens", "Give top_k 2 or more.",
    )  # fmt: skip
    yield (
        groups == 1 or (beams >= groups and beams % groups == 0),
        f"num_beam_groups {groups} with num_beams {beams}",
        "the beams are shared equally among the groups", f"Give num_beams a multiple of {groups}.",
    )  # fmt: skip
    yield (
        groups == 1 or d.diversity_penalty is not None,
        f"num_beam_groups {groups} without diversity_penalty",
        "all groups would find the same texts", "Give diversity_penalty, for example 0.5.",
    )  # fmt: skip
    yield (
        groups > 1 or d.diversity_penalty is None, f"diversity_penalty {d.diversity_penalty}",
        "it keeps groups of beams apart, and there is one group",
        "Give num_beam_groups 2 or more, or leave diversity_penalty out.",
    )  # fmt: skip
    yield (
        beams > 1 or d.length_penalty is None, f"length_penalty {d.length_penalty}",
        "it compares finished beams, and there is one beam",
        "Give num_beams 2 or more, or leave length_penalty out.",
    )  # fmt: skip
