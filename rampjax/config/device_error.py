"""How far programming misses a target: its mean shift, and how the error is distributed where it is not normal."""

from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from rampjax.config.device_values import Sourced, check_curve_table, polynomial_text, scaled_terms
from rampjax.config.toml_file import NonNegative, Number, Positive, Share

LEAST_QUANTILES: Final = 9
MOST_QUANTILES: Final = 1025
_STANDARD_WITHIN: Final = 0.01  # of mean 0 and standard deviation 1


class Shift(Sourced):
    """A mean shift in µS, of either sign: one number, or a polynomial of g / g_unit_uS."""

    value: Number | None = None
    polynomial: tuple[Number, ...] | None = None  # ascending powers, µS
    g_unit_uS: Positive | None = None  # 1 µS where a polynomial does not say
    valid_uS: tuple[NonNegative, NonNegative] | None = None  # where the fit was made

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        return check_curve_table(data, "value")

    @property
    def text(self) -> str:
        """The shift as it is printed."""
        if self.polynomial is None:
            return f"{self.value or 0.0:g}"
        return polynomial_text(self.polynomial, self.g_unit_uS or 1.0)

    @property
    def numbers(self) -> float | tuple[float, ...]:
        """The number, or the coefficients of ascending powers of g in µS, as the physics takes them."""
        if self.polynomial is None:
            return self.value or 0.0
        return tuple(scaled_terms(self.polynomial, self.g_unit_uS or 1.0).tolist())


class ShareCurve(Shift):
    """A probability, 0 to 1: one number, or a polynomial of g / g_unit_uS."""

    value: Share | None = None


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
