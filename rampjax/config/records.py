"""Figures as flat, strict JSON has them: numbers, texts, and lists of these; None for what is absent or not finite."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

from rampjax.circuit.curves import N_POWERS, Points, PowerLaw, SigmaCurve, Table
from rampjax.circuit.quantiles import AgedQuantiles, QuantileTable, rows_of
from rampjax.circuit.relaxation import Terms

AGED: Final = "aged_sigma_uS"
AGES: Final = "aged_sigma_ages_s"
OF_AGES: Final = "ages"  # the form of quantiles at several ages
POWER_LAW: Final = "power_law"  # the forms of a curve that is no polynomial
TABLE: Final = "table"
POLYNOMIAL: Final = "polynomial"  # the form of a law of the age whose parts depend on the conductance


def curve_of(flat: Sequence[Any]) -> SigmaCurve:
    """Returns the curve of a list as `flat_figure` has it."""
    if flat[0] == POWER_LAW:
        return PowerLaw(*flat[1:])
    if flat[0] == TABLE:
        return Table(tuple(flat[1::2]), tuple(flat[2::2]))
    return tuple(flat)


def bare(value: float) -> float | None:
    """Returns a number as strict JSON has it: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def flat_figure(key: str, value: Any) -> dict[str, Any]:
    """Returns a figure of a device under its key, as the physics has it.

    The curves of several ages are one list, all coefficients of the first before those of the second, beside the list
    of the ages. A curve that is no polynomial is a list that begins with its form: ["power_law", coefficient_uS,
    exponent, g_unit_uS], or ["table", g, value, g, value, ...] in µS. A law of the age whose parts depend on the
    conductance is ["polynomial", coefficients at 1 s, coefficients per ln(t / 1 s)], as many of each, of powers of g in
    µS. Quantiles at n conductances are ["table", n, the conductances in µS, the quantiles of one after the other];
    at m ages ["ages", m, the ages in s, n, the conductances in µS, the quantiles of one age after the other], with n
    0 where they do not depend on the conductance.
    """
    if isinstance(value, PowerLaw):
        return {key: [POWER_LAW, value.coefficient_uS, value.exponent, value.g_unit_uS]}
    if isinstance(value, Table | Points):
        values = value.sigma_uS if isinstance(value, Table) else value.value
        return {key: [TABLE, *itertools.chain(*zip(value.g_uS, values, strict=True))]}
    if isinstance(value, QuantileTable):
        return {key: [TABLE, len(value.g_uS), *value.g_uS, *itertools.chain(*value.rows)]}
    if isinstance(value, AgedQuantiles):
        return {key: [OF_AGES, *_aged_shapes(value)]}
    if key == AGED:
        aged: Sequence[tuple[float, tuple[float, ...]]] = value or ()
        return {key: [term for _, curve in aged for term in curve], AGES: [age_s for age_s, _ in aged]}
    if isinstance(value, tuple):
        return {key: _law(value) if any(isinstance(item, tuple) for item in value) else list(value)}
    return {key: bare(value) if isinstance(value, float) else value}


def _aged_shapes(aged: AgedQuantiles) -> list[float]:
    first = aged.shapes[0]
    g_uS = first.g_uS if isinstance(first, QuantileTable) else ()
    quantiles = (quantile for shape in aged.shapes for row in rows_of(shape) for quantile in row)
    return [len(aged.ages_s), *aged.ages_s, len(g_uS), *g_uS, *quantiles]


def _law(parts: tuple[Terms, ...]) -> list[Any]:
    of_g = [part if isinstance(part, tuple) else (part,) for part in parts]
    return [POLYNOMIAL, *(term for part in of_g for term in (*part, *[0.0] * (N_POWERS - len(part))))]
