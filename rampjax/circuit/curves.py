"""Figures as functions of the conductance, on the host: a polynomial, a power law, or a table.

A standard deviation is never below 0; a mean shift has either sign, and a share of events is 0 to 1. A polynomial is
the plain tuple of its coefficients, ascending powers of g in µS. Without jax: files are checked by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rampjax.checks import InputError

N_POWERS = 5  # a curve holds the powers 0..4 of the conductance, the highest of any published fit in the presets
MOST_KNOTS = 33  # of a table: 32 segments, a number at which XLA still vectorises a loop over them


@dataclass(frozen=True)
class PowerLaw:
    """sigma(g) = coefficient (g / g_unit)^exponent, 0 at 0 µS.

    Raises:
        InputError: a coefficient below 0, an exponent or a unit that is not positive.
    """

    coefficient_uS: float
    exponent: float
    g_unit_uS: float = 1.0

    def __post_init__(self) -> None:
        if not self.coefficient_uS >= 0:
            raise InputError(f"`coefficient_uS` must be at least 0, but is {self.coefficient_uS:g}.")
        for name in ("exponent", "g_unit_uS"):
            if not getattr(self, name) > 0:
                raise InputError(f"`{name}` must be positive, but is {getattr(self, name):g}.")


@dataclass(frozen=True)
class Table:
    """sigma(g), linear between the given points, constant beyond its ends.

    Raises:
        InputError: lengths that differ, too few or too many points, conductances that do not ascend, a sigma below 0.
    """

    g_uS: tuple[float, ...]
    sigma_uS: tuple[float, ...]

    def __post_init__(self) -> None:
        fault = table_fault(self.g_uS, self.sigma_uS)
        if fault:
            raise InputError(f"A table of a standard deviation {fault}.")
        if not min(self.sigma_uS) >= 0:
            raise InputError(f"`sigma_uS` must be at least 0, but is {min(self.sigma_uS):g}.")


@dataclass(frozen=True)
class Points:
    """A mean shift in µS or a share of events, linear between the given points, constant beyond its ends.

    Raises:
        InputError: lengths that differ, too few or too many points, conductances that do not ascend.
    """

    g_uS: tuple[float, ...]
    value: tuple[float, ...]

    def __post_init__(self) -> None:
        fault = table_fault(self.g_uS, self.value, "value")
        if fault:
            raise InputError(f"A table of a shift or a share {fault}.")


SigmaCurve = tuple[float, ...] | PowerLaw | Table
ShiftCurve = float | tuple[float, ...] | Points  # a number is one for all conductances


def table_fault(g_uS: Sequence[float], values: Sequence[float], key: str = "sigma_uS") -> str | None:
    """What is wrong with the points of a table, as the end of a sentence; None where nothing is.

    Args:
        g_uS: its conductances, µS.
        values: what it has there.
        key: what the values are called.
    """
    if len(g_uS) != len(values):
        return f"must have as many `{key}` as `g_uS`"
    if not 2 <= len(g_uS) <= MOST_KNOTS:
        return f"must have 2 to {MOST_KNOTS} points"
    if not (np.diff(g_uS) > 0).all():
        return "must have its `g_uS` ascending"
    return None


def curve_at_uS(curve: SigmaCurve, g_uS: float | np.ndarray) -> np.ndarray:
    """The standard deviation at conductances on the host, in float64, never below 0 µS.

    Args:
        curve: of any form.
        g_uS: conductances, µS.
    """
    g = np.asarray(g_uS, float)
    if isinstance(curve, PowerLaw):
        return np.asarray(curve.coefficient_uS * np.maximum(g / curve.g_unit_uS, 0.0) ** curve.exponent)
    if isinstance(curve, Table):
        return np.asarray(np.interp(g, curve.g_uS, curve.sigma_uS))
    return np.asarray(np.maximum(np.polynomial.polynomial.polyval(g, curve), 0.0))


def shift_at_host(curve: ShiftCurve, g_uS: float | np.ndarray) -> np.ndarray:
    """A mean shift or a share at conductances on the host, in float64.

    Args:
        curve: of any form.
        g_uS: conductances, µS.
    """
    if isinstance(curve, Points):
        return np.asarray(np.interp(g_uS, curve.g_uS, curve.value))
    return np.asarray(np.polynomial.polynomial.polyval(np.asarray(g_uS, float), np.atleast_1d(curve)))


def is_zero(figure: Any) -> bool:
    """Whether a figure is 0 throughout: a number, a curve at every conductance, or all of several of these."""
    if isinstance(figure, PowerLaw):
        return figure.coefficient_uS == 0
    values = figure.sigma_uS if isinstance(figure, Table) else figure.value if isinstance(figure, Points) else figure
    return all(map(is_zero, values)) if isinstance(values, tuple) else not values
