"""How an error is distributed where it is not normal, on the host: quantiles over its standard deviation.

A row has them at evenly spaced probabilities from 0 to 1; the quantile function is linear between them. Several rows,
each at a conductance, make the shape depend on it: between two conductances their quantile functions are mixed
linearly, and beyond the ends they stay. Mixing two shapes lowers the variance, by 2 w (1 - w) (1 - rho) with rho the
correlation of their quantile functions; that is put back, so that the standard deviation keeps its meaning at every
conductance. Without jax: files are checked by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
