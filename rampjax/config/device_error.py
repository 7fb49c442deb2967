"""How far programming misses a target: its mean shift, and how the error is distributed where it is not normal."""

from collections.abc import Sequence
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from rampjax.circuit.curves import Points, ShiftCurve, table_fault
from rampjax.config.device_values import Sourced, check_curve_table, points_text, polynomial_text, scaled_terms
from rampjax.config.toml_file import Frozen, NonNegative, Number, Positive, Share

_Table = TypeVar("_Table", bound=Frozen)

LEAST_QUANTILES: Final = 9
MOST_QUANTILES: Final = 1025
_STANDARD_WITHIN: Final = 0.01  # of mean 0 and standard deviation 1


class ShiftPoints(Frozen):
    """The table of a mean shift given by points, linear between them and constant beyond."""

    g_uS: tuple[NonNegative, ...]
    value_uS: tuple[Number, ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        return _checked_points(self, self.g_uS, self.value_uS, "value_uS")


class SharePoints(Frozen):
    """The table of a probability given by points, linear between them and constant beyond."""

    g_uS: tuple[NonNegative, ...]
    value: tuple[Share, ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        return _checked_points(self, self.g_uS, self.value, "value")


class ErrorCurve(Sourced):
    """A figure of the error: one number, a polynomial of g / g_unit_uS, or a table of points."""

    value: Number | None = None
    polynomial: tuple[Number, ...] | None = None  # ascending powers
    g_unit_uS: Positive | None = None  # 1 µS where a polynomial does not say
    valid_uS: tuple[NonNegative, NonNegative] | None = None  # where the fit was made

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        return check_curve_table(data, "value", ("table",))

    @property
    def points(self) -> Points | None:
        """The table, as the physics takes it; None where the figure is none."""
        return None

    @property
    def text(self) -> str:
        """The figure as it is printed."""
        if self.points is not None:
            return points_text(self.points.g_uS, self.points.value)
        if self.polynomial is None:
            return f"{self.value or 0.0:g}"
        return polynomial_text(self.polynomial, self.g_unit_uS or 1.0)

    @property
    def numbers(self) -> ShiftCurve:
        """The number, the table, or the coefficients of ascending powers of g in µS, as the physics takes them."""
        if self.points is not None:
            return self.points
        if self.polynomial is None:
            return self.value or 0.0
        return tuple(scaled_terms(self.polynomial, self.g_unit_uS or 1.0).tolist())


class Shift(ErrorCurve):
    """A mean shift in µS, of either sign."""

    table: ShiftPoints | None = None

    @property
    def points(self) -> Points | None:
        """The table, as the physics takes it; None where the shift is none."""
        return None if self.table is None else Points(self.table.g_uS, self.table.value_uS)


class ShareCurve(ErrorCurve):
    """A probability, 0 to 1."""

    value: Share | None = None
    table: SharePoints | None = None

    @property
    def points(self) -> Points | None:
        """The table, as the physics takes it; None where the share is none."""
        return None if self.table is None else Points(self.table.g_uS, self.table.value)


class Quantiles(Sourced):
    """How an error is distributed, in units of its standard deviation: quantiles at evenly spaced probabilities.

    The first is the smallest error, the last the largest; between them the quantile function is linear.
    """

    quantiles: tuple[Number, ...]

    @model_validator(mode="after")
    def _standard(self) -> Self:
        q = np.array(self.quantiles)
        if not LEAST_QUANTILES <= len(q) <= MOST_QUANTILES:
            raise ValueError(f"must have {LEAST_QUANTILES} to {MOST_QUANTILES} `quantiles`")
        if (np.diff(q) < 0).any():
            raise ValueError("must have its `quantiles` ascending")
        mean, sigma = quantile_moments(q)
        if abs(mean) > _STANDARD_WITHIN or abs(sigma - 1.0) > _STANDARD_WITHIN:
            raise ValueError(
                f"must have `quantiles` of mean 0 and standard deviation 1 (they have {mean:.3g} and {sigma:.3g})"
            )
        return self

    @property
    def text(self) -> str:
        """The distribution as it is printed."""
        return f"{len(self.quantiles)} quantiles from {self.quantiles[0]:.3g} to {self.quantiles[-1]:.3g}"

    @property
    def numbers(self) -> tuple[float, ...]:
        """The quantiles, as the physics takes them."""
        return self.quantiles


def quantile_moments(quantiles: NDArray[np.float64]) -> tuple[float, float]:
    """Returns mean and standard deviation of a distribution whose quantile function is linear between quantiles."""
    below, above = quantiles[:-1], quantiles[1:]
    mean = float(np.mean(below + above) / 2)
    square = float(np.mean(below**2 + below * above + above**2) / 3)
    return mean, float(np.sqrt(max(square - mean**2, 0.0)))


def _checked_points(table: _Table, g_uS: Sequence[float], values: Sequence[float], key: str) -> _Table:
    fault = table_fault(g_uS, values, key)
    if fault:
        raise ValueError(fault)
    return table
