"""Figures as flat, strict JSON has them: numbers, texts, and lists of these; None for what is absent or not finite."""

import math
from collections.abc import Sequence
from typing import Any, Final

AGED: Final = "aged_sigma_uS"
AGES: Final = "aged_sigma_ages_s"


def bare(value: float) -> float | None:
    """Returns a number as strict JSON has it: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def flat_figure(key: str, value: Any) -> dict[str, Any]:
    """Returns a figure of a device under its key, as the physics has it.

    The curves of several ages are one list, all coefficients of the first before those of the second, beside the list
    of the ages.
    """
    if key == AGED:
        aged: Sequence[tuple[float, tuple[float, ...]]] = value or ()
        return {key: [term for _, curve in aged for term in curve], AGES: [age_s for age_s, _ in aged]}
    if isinstance(value, tuple):
        return {key: list(value)}
    return {key: bare(value) if isinstance(value, float) else value}
