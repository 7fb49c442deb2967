"""How an error is distributed where it is not normal, on the host: quantiles over its standard deviation.

A row has them at evenly spaced probabilities from 0 to 1; the quantile function is linear between them. Several rows,
each at a conductance, make the shape depend on it: between two conductances their quantile functions are mixed
linearly, and beyond the ends they stay. Mixing two shapes lowers the variance, by 2 w (1 - w) (1 - rho) with rho the
correlation of their quantile functions; that is put back, so that the standard deviation keeps its meaning at every
conductance. The shape of a shift with time may depend on the age too: between two ages it is mixed in the logarithm of
the age. Without jax: files are checked by it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.curves import MOST_KNOTS

LEAST_QUANTILES: Final = 9
MOST_QUANTILES: Final = 1025
_STANDARD_WITHIN: Final = 0.01  # of mean 0 and standard deviation 1


@dataclass(frozen=True)
class QuantileTable:
    """The distribution of an error at several conductances.

    Raises:
        InputError: too few or too many conductances, or not ascending; rows that differ in length, do not ascend, or
            have not mean 0 and standard deviation 1.
    """

    g_uS: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        fault = quantile_table_fault(self.g_uS, self.rows)
        if fault:
            raise InputError(f"A table of quantiles {fault}.")


Quantiles = tuple[float, ...] | QuantileTable  # empty: normal


@dataclass(frozen=True)
class AgedQuantiles:
    """The distribution of a shift with time at several ages.

    Raises:
        InputError: too few or too many ages, not positive or not ascending; shapes that are wrong, or that differ from
            age to age in their conductances or in how many quantiles a row has.
    """

    ages_s: tuple[float, ...]
    shapes: tuple[Quantiles, ...]

    def __post_init__(self) -> None:
        grids = {shape.g_uS if isinstance(shape, QuantileTable) else None for shape in self.shapes}
        if len(grids) > 1:
            raise InputError("Quantiles at several ages must have the same `g_uS` at each age.")
        rows = [shape.rows if isinstance(shape, QuantileTable) else shape for shape in self.shapes]
        fault = aged_quantiles_fault(self.ages_s, next(iter(grids), None), rows)
        if fault:
            raise InputError(f"A table of quantiles at several ages {fault}.")


def quantiles_fault(quantiles: Sequence[float]) -> str | None:
    """What is wrong with one row of quantiles, as the end of a sentence; None where nothing is."""
    q = np.array(quantiles)
    if not LEAST_QUANTILES <= len(q) <= MOST_QUANTILES:
        return f"must have {LEAST_QUANTILES} to {MOST_QUANTILES} `quantiles`"
    if not (np.diff(q) >= 0).all():
        return "must have its `quantiles` ascending"
    mean, sigma = quantile_moments(q)
    if not (abs(mean) <= _STANDARD_WITHIN and abs(sigma - 1.0) <= _STANDARD_WITHIN):
        return f"must have `quantiles` of mean 0 and standard deviation 1 (they have {mean:.3g} and {sigma:.3g})"
    return None


def quantile_table_fault(g_uS: Sequence[float], rows: Sequence[Sequence[float]]) -> str | None:
    """What is wrong with rows of quantiles at conductances, as the end of a sentence; None where nothing is."""
    if not 2 <= len(g_uS) <= MOST_KNOTS:
        return f"must have 2 to {MOST_KNOTS} conductances in `g_uS`"
    if not (np.diff(g_uS) > 0).all():
        return "must have its `g_uS` ascending"
    if len(rows) != len(g_uS):
        return "must have as many rows of `quantiles` as `g_uS`"
    if len({len(row) for row in rows}) > 1:
        return "must have as many `quantiles` in each of its rows"
    faults = ((g, quantiles_fault(row)) for g, row in zip(g_uS, rows, strict=True))
    return next((f"{fault}, in its row at {g:g} µS" for g, fault in faults if fault), None)


def aged_quantiles_fault(ages_s: Sequence[float], g_uS: Sequence[float] | None, shapes: Sequence[Any]) -> str | None:
    """What is wrong with quantiles at several ages, as the end of a sentence; None where nothing is.

    Args:
        ages_s: the ages, s.
        g_uS: conductances of the rows of each age, µS; None: there is one row at each.
        shapes: a row, or the rows, of each age.
    """
    if not 2 <= len(ages_s) <= MOST_KNOTS:
        return f"must have 2 to {MOST_KNOTS} ages in `ages_s`"
    if not (np.array(ages_s) > 0).all():
        return "must have its `ages_s` positive"
    if not (np.diff(ages_s) > 0).all():
        return "must have its `ages_s` ascending"
    if len(shapes) != len(ages_s):
        return "must have as many entries of `quantiles` as `ages_s`"
    for age_s, shape in zip(ages_s, shapes, strict=True):
        fault = quantiles_fault(shape) if g_uS is None else quantile_table_fault(g_uS, shape)
        if fault:
            return f"{fault}, at {age_s:g} s"
    if len({len(shape if g_uS is None else shape[0]) for shape in shapes}) > 1:
        return "must have as many `quantiles` in a row at each of its ages"
    return None


def shape_at(quantiles: Quantiles | AgedQuantiles, age_s: float) -> Quantiles:
    """The shape at an age: a share w = ln(t / t_1) / ln(t_2 / t_1) of the way between those at two neighbouring ages.

    Row by row (1 - w) q_1 + w q_2, over its own standard deviation and about its own mean; before the first age and
    after the last as there. A shape that does not depend on the age is returned as it is.

    Args:
        quantiles: of the shift.
        age_s: time since programming, s; 0: taken as the first age.
    """
    if not isinstance(quantiles, AgedQuantiles):
        return quantiles
    log_ages = np.log(quantiles.ages_s)
    log_s = math.log(age_s) if age_s > 0 else log_ages[0]
    along = float(np.interp(log_s, log_ages, np.arange(len(log_ages))))
    first = min(int(along), len(log_ages) - 2)
    one, other = quantiles.shapes[first : first + 2]
    pairs = zip(rows_of(one), rows_of(other), strict=True)
    mixed = tuple(_mixed(*pair, along - first) for pair in pairs)
    return QuantileTable(one.g_uS, mixed) if isinstance(one, QuantileTable) else mixed[0]


def rows_of(shape: Quantiles) -> tuple[tuple[float, ...], ...]:
    """The rows of a shape: one, or one at each of its conductances."""
    return shape.rows if isinstance(shape, QuantileTable) else (shape,)


def _mixed(one: Sequence[float], other: Sequence[float], w: float) -> tuple[float, ...]:
    mixed = (1.0 - w) * np.array(one) + w * np.array(other)
    mean, sigma = quantile_moments(mixed)
    return tuple(((mixed - mean) / sigma).tolist())


def quantile_moments(quantiles: NDArray[np.float64]) -> tuple[float, float]:
    """Returns mean and standard deviation of a distribution whose quantile function is linear between quantiles."""
    mean = float(np.mean(quantiles[:-1] + quantiles[1:]) / 2)
    square = _mean_product(quantiles, quantiles)
    return mean, float(np.sqrt(max(square - mean**2, 0.0)))


def lost_correlations(table: QuantileTable) -> NDArray[np.float64]:
    """1 - rho of the quantile functions at each pair of neighbouring conductances."""
    rows = [np.array(row) for row in table.rows]
    moments = [quantile_moments(row) for row in rows]
    rho = [
        (_mean_product(rows[i], rows[i + 1]) - moments[i][0] * moments[i + 1][0]) / (moments[i][1] * moments[i + 1][1])
        for i in range(len(rows) - 1)
    ]
    return np.maximum(1.0 - np.array(rho), 0.0)


def _mean_product(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean over all probabilities of the product of two quantile functions that are linear between quantiles."""
    equal = one[:-1] * other[:-1] + one[1:] * other[1:]
    crossed = one[:-1] * other[1:] + one[1:] * other[:-1]
    return float(np.mean(equal / 3 + crossed / 6))
