"""Fitted numbers and curves with their intervals."""

from dataclasses import dataclass, replace

import numpy as np

from rampjax.interop.device_fit.series import Floats
from rampjax.interop.device_fit.shapes import Shape, Span

GRID = np.linspace(-1, 1, 41)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where that cannot be told."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class FittedCurve:
    """A curve over the measured targets, with the intervals of its values on a grid; NaN where they cannot be told."""

    shape: Shape
    span: Span
    terms: Floats  # of the shape
    g_uS: Floats  # the grid
    value_uS: Floats
    low_uS: Floats
    high_uS: Floats
    terms_half_uS: Floats  # half widths of the intervals of a polynomial's coefficients, empty for other shapes

    @property
    def g_unit_uS(self) -> float:
        return self.span.unit_uS

    @property
    def is_constant(self) -> bool:
        return self.shape.n_terms == 1

    @property
    def terms_uS(self) -> Floats:
        """Coefficients of powers of g / g_unit_uS; empty for other shapes."""
        shape = self.shape
        return self.span.in_powers(shape.in_powers_of_u(self.terms)) if shape.is_polynomial else np.zeros(0)

    @property
    def half_uS(self) -> Floats:
        """Half widths of the intervals on the grid."""
        return (self.high_uS - self.low_uS) / 2

    @property
    def points_uS(self) -> tuple[Floats, Floats]:
        """The knots of lines between points, and the values there."""
        return self.span.g_uS(np.array(self.shape.knots_u)), self.shape.values_at_knots(self.terms)

    def at(self, g_uS: Floats) -> tuple[Floats, Floats, Floats]:
        """Values at conductances within the grid, and the ends of their intervals."""
        value_uS = self.shape.at(self.terms, self.span.u(g_uS))
        return value_uS, np.interp(g_uS, self.g_uS, self.low_uS), np.interp(g_uS, self.g_uS, self.high_uS)

    @property
    def middle(self) -> Estimate:
        """The value in the middle of the targets; of a constant the value itself."""
        place = len(self.g_uS) // 2
        return Estimate(float(self.value_uS[place]), float(self.low_uS[place]), float(self.high_uS[place]))

    def with_limits(self, low_uS: Floats, high_uS: Floats) -> "FittedCurve":
        """The curve with intervals that reach at least as far as these."""
        return replace(self, low_uS=np.minimum(self.low_uS, low_uS), high_uS=np.maximum(self.high_uS, high_uS))


def fitted_curve(
    shape: Shape, span: Span, terms: Floats, others: Floats, t: float, low: float = -np.inf
) -> FittedCurve:
    """A curve with intervals by resamples: the value plus and minus Student's t times their standard deviation.

    Args:
        shape: of the curve.
        span: of the targets.
        terms: as fitted.
        others: terms of each resample; none: the intervals cannot be told.
        t: quantile of Student's distribution.
        low: the least value that the curve can have.
    """
    value = shape.at(terms, GRID)
    powers = np.zeros(0)
    if len(others) < 2:
        nothing = np.full(len(GRID), np.nan)
        if shape.is_polynomial:
            powers = np.full(shape.n_terms, np.nan)
        return FittedCurve(shape, span, terms, span.g_uS(GRID), value, nothing, nothing, powers)
    half = t * np.std([shape.at(other, GRID) for other in others], axis=0, ddof=1)
    if shape.is_polynomial:
        powers = t * np.std([span.in_powers(shape.in_powers_of_u(other)) for other in others], axis=0, ddof=1)
    return FittedCurve(
        shape, span, terms, span.g_uS(GRID), value, np.maximum(value - half, low), value + half, np.asarray(powers)
    )
