"""The figures of a device: numbers and curves, each with how sure it is and where it is from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray
from pydantic import Field, Strict, model_validator

from rampjax.checks import InputError
from rampjax.circuit.curves import N_POWERS, PowerLaw, SigmaCurve, Table, curve_at_uS, table_fault
from rampjax.config.curve_text import points_text, polynomial_text
from rampjax.config.toml_file import Frozen, NonNegative, Number, Positive, Share, Text, between, quoted

N_COEFFICIENTS: Final = N_POWERS  # of every curve, so that all devices have one shape

Scheme = Literal["pulses", "compliance"]
Certainty = Literal["seen", "derived", "reported", "measured", "fitted", "assumed", "user"]
# What each word for how sure a figure is says.
CERTAINTIES: Final[dict[Certainty, str]] = {
    "seen": "in the published text",
    "derived": "from published figures by arithmetic or fit",
    "reported": "second-hand",
    "measured": "read off measured data",
    "fitted": "determined by a fit to measured data",
    "assumed": "by us",
    "user": "set by you",
}


class Sourced(Frozen):
    """What every figure says of itself."""

    certainty: Certainty
    source: Text = Field(description="text that says where the figure is from")


class Value(Sourced):
    """A number with how sure it is and where it is from."""

    value: Number

    @property
    def text(self) -> str:
        """The number as it is printed."""
        return f"{self.value:g}"

    @property
    def numbers(self) -> float:
        """The number, as the physics takes it."""
        return self.value


class NonNegativeValue(Value):
    """A number that is 0 or more."""

    value: NonNegative


class PositiveValue(Value):
    """A number above 0."""

    value: Positive


class ShareValue(Value):
    """A probability, 0 to 1."""

    value: Share


class CountValue(Value):
    """A number of pulses, 1 or more."""

    value: Annotated[int, Strict(), between(1, 1_000_000)]


class LevelsValue(Value):
    """A number of conductances that can be told apart, 2 or more."""

    value: Annotated[int, Strict(), between(2, 1_000_000)]


class WholeValue(Value):
    """A number of things, 0 or more."""

    value: Annotated[int, Strict(), between(0, 1_000_000)]


class Word(Sourced):
    """A choice between words."""

    value: Scheme

    @property
    def text(self) -> str:
        """The word."""
        return self.value

    @property
    def numbers(self) -> str:
        """The word, as the physics takes it."""
        return self.value


class PowerLawTable(Frozen):
    """The table of a power law, coefficient_uS (g / g_unit_uS)^exponent."""

    coefficient_uS: NonNegative
    exponent: Positive
    g_unit_uS: Positive = 1.0


class PointsTable(Frozen):
    """The table of a curve given by points, linear between them and constant beyond."""

    g_uS: tuple[NonNegative, ...]
    sigma_uS: tuple[NonNegative, ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        fault = table_fault(self.g_uS, self.sigma_uS)
        if fault:
            raise ValueError(fault)
        return self


class Curve(Sourced):
    """A standard deviation in µS as a function of the conductance g, in one of four forms.

    A constant, a polynomial of g / g_unit_uS, a power law, or a table of points.
    """

    constant: NonNegative | None = None
    polynomial: tuple[Number, ...] | None = None  # ascending powers, µS
    g_unit_uS: Positive | None = None  # 1 µS where a polynomial does not say
    power_law: PowerLawTable | None = None
    table: PointsTable | None = None
    valid_uS: tuple[NonNegative, NonNegative] | None = None  # where the fit was made

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        return check_curve_table(data, "constant", ("power_law", "table"))

    @property
    def numbers(self) -> SigmaCurve:
        """The coefficients, the power law or the table, as the physics takes them."""
        if self.power_law is not None:
            law = self.power_law
            return PowerLaw(law.coefficient_uS, law.exponent, law.g_unit_uS)
        if self.table is not None:
            return Table(self.table.g_uS, self.table.sigma_uS)
        return tuple(self.coefficients_uS().tolist())

    def coefficients_uS(self) -> NDArray[np.float64]:
        """Returns the coefficients (µS, µS/µS, ...) of ascending powers of g in µS, zero padded to five.

        Raises:
            InputError: a power law or a table, which has none.
        """
        if self.polynomial is None and self.constant is None:
            raise InputError(f"A curve without a polynomial has no coefficients: {self.text}.")
        given = self.polynomial if self.polynomial is not None else (self.constant or 0.0,)
        return scaled_terms(given, self.g_unit_uS or 1.0)

    @property
    def text(self) -> str:
        """The curve as it is printed, e.g. `4.782 - 0.009107 g`."""
        if self.power_law is not None:
            law = self.power_law
            base = "g" if law.g_unit_uS == 1.0 else f"(g / {law.g_unit_uS:g} µS)"
            return f"{law.coefficient_uS:g} {base}^{law.exponent:g}"
        if self.table is not None:
            return points_text(self.table.g_uS, self.table.sigma_uS)
        if self.polynomial is None:
            return f"{self.constant or 0.0:g}"
        return polynomial_text(self.polynomial, self.g_unit_uS or 1.0)

    def minimum_uS(self, lowest_uS: float, highest_uS: float) -> tuple[float, float]:
        """Returns the g (µS) in [lowest, highest] at which the curve is smallest, and its value (µS) there."""
        return self._extremum_uS(lowest_uS, highest_uS, np.argmin)

    def maximum_uS(self, lowest_uS: float, highest_uS: float) -> tuple[float, float]:
        """Returns the g (µS) in [lowest, highest] at which the curve is largest, and its value (µS) there."""
        return self._extremum_uS(lowest_uS, highest_uS, np.argmax)

    def _extremum_uS(
        self, lowest_uS: float, highest_uS: float, pick: Callable[[NDArray[np.float64]], np.intp]
    ) -> tuple[float, float]:
        curve = self.numbers
        if not isinstance(curve, tuple):
            inner = [g for g in getattr(curve, "g_uS", ()) if lowest_uS < g < highest_uS]
            places = np.array([lowest_uS, highest_uS, *inner])
            values = curve_at_uS(curve, places)
            picked = int(pick(values))
            return float(places[picked]), float(values[picked])
        terms = polynomial.polytrim(np.array(curve))
        turns = polynomial.polyroots(polynomial.polyder(terms)) if len(terms) > 2 else np.zeros(0)
        real = np.real(turns[np.abs(np.imag(turns)) < 1e-9 * (1.0 + np.abs(turns))])
        g_uS = np.concatenate([[lowest_uS, highest_uS], real[(real > lowest_uS) & (real < highest_uS)]])
        sigma_uS = polynomial.polyval(g_uS, terms)
        picked = int(pick(sigma_uS))
        return float(g_uS[picked]), float(sigma_uS[picked])


def scaled_terms(terms: Sequence[float], g_unit_uS: float) -> NDArray[np.float64]:
    """Returns the coefficients of ascending powers of g in µS of a polynomial of g / g_unit_uS, zero padded to five."""
    padded = np.zeros(N_COEFFICIENTS)
    padded[: len(terms)] = terms
    return padded / g_unit_uS ** np.arange(N_COEFFICIENTS)


def check_curve_table(data: Any, number: str, more: Sequence[str] = ()) -> Any:
    """Raises ValueError unless a table has one number, under the key `number`, or a complete curve of one form.

    Args:
        data: the table.
        number: the key of a single number.
        more: keys of the forms beside `polynomial`.
    """
    if not isinstance(data, Mapping):
        return data
    forms = (number, "polynomial", *more)
    if sum(form in data for form in forms) != 1:
        raise ValueError(f"must have exactly one of {quoted(forms[:-1])} and `{forms[-1]}`")
    if "polynomial" not in data and "g_unit_uS" in data:
        raise ValueError("must have `g_unit_uS` only beside `polynomial`")
    check_terms(data.get("polynomial"), "polynomial")
    check_valid(data.get("valid_uS"))
    return data


def check_terms(terms: object, key: str) -> None:
    """Raises ValueError where the coefficients of a polynomial are too few or too many."""
    if isinstance(terms, list | tuple) and not 1 <= len(terms) <= N_COEFFICIENTS:
        raise ValueError(f"must have 1 to {N_COEFFICIENTS} coefficients in `{key}`")


def check_valid(valid: object) -> None:
    """Raises ValueError where the range of a fit has not two ends."""
    if isinstance(valid, list | tuple) and len(valid) != 2:
        raise ValueError("must have `valid_uS` as [lowest, highest]")
