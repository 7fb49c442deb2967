"""The figures of a device that change with its age, each with how sure it is and where it is from."""

import itertools
from collections.abc import Mapping
from typing import Any, Final, Self

from pydantic import model_validator

from rampjax.circuit.relaxation import LogTimeLaw
from rampjax.config.curve_text import polynomial_text, terms_text, unit_text
from rampjax.config.device_values import (
    Curve,
    Sourced,
    check_terms,
    check_valid,
    scaled_terms,
)
from rampjax.config.toml_file import NonNegative, Number, Positive

LOG_TIME_PARTS: Final = ("constant", "per_ln")
DRIFT_PARTS: Final = ("slope", "intercept", "low", "high")


class LogTime(Sourced):
    """A figure in µS against the age t: constant + per_ln ln(t / 1 s), either a number or a polynomial of g."""

    constant: Number | None = None
    per_ln: Number | None = None
    constant_polynomial: tuple[Number, ...] | None = None  # ascending powers, µS
    per_ln_polynomial: tuple[Number, ...] | None = None
    g_unit_uS: Positive | None = None  # 1 µS where polynomials do not say
    valid_uS: tuple[NonNegative, NonNegative] | None = None  # where the fit was made

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        for part in LOG_TIME_PARTS:
            if (part in data) == (f"{part}_polynomial" in data):
                raise ValueError(f"must have exactly one of `{part}` and `{part}_polynomial`")
            check_terms(data.get(f"{part}_polynomial"), f"{part}_polynomial")
        if "g_unit_uS" in data and not any(f"{part}_polynomial" in data for part in LOG_TIME_PARTS):
            raise ValueError("must have `g_unit_uS` only beside a polynomial")
        check_valid(data.get("valid_uS"))
        return data

    @property
    def _parts(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        constant = self.constant_polynomial or (self.constant or 0.0,)
        return constant, self.per_ln_polynomial or (self.per_ln or 0.0,)

    @property
    def text(self) -> str:
        """The law as it is printed, e.g. `0.412 + 0.042 ln(t / 1 s)` or `(0.1 + 0.02 g) - 0.03 ln(t / 1 s)`."""
        unit_uS = self.g_unit_uS or 1.0
        constant, per_ln = self._parts
        if not any(per_ln):
            return polynomial_text(constant, unit_uS)
        many = len([term for term in per_ln if term]) > 1
        falls = not many and sum(per_ln) < 0
        slope = terms_text([-term for term in per_ln] if falls else per_ln, unit_uS)
        slope = f"({slope}) ln(t / 1 s)" if any(per_ln[1:]) else f"{slope} ln(t / 1 s)"
        if not any(constant):
            return ("-" if falls else "") + slope + unit_text(unit_uS)
        start = terms_text(constant, unit_uS)
        start = f"({start})" if any(constant[1:]) else start
        return f"{start} {'-' if falls else '+'} {slope}{unit_text(unit_uS)}"

    @property
    def numbers(self) -> LogTimeLaw:
        """(value at 1 s, slope), as the physics takes it: two numbers, or the coefficients of powers of g in µS."""
        constant, per_ln = self._parts
        if self.constant_polynomial is None and self.per_ln_polynomial is None:
            return constant[0], per_ln[0]
        of_g = [tuple(scaled_terms(terms, self.g_unit_uS or 1.0).tolist()) for terms in (constant, per_ln)]
        return of_g[0], of_g[1]


class AgedCurves(Sourced):
    """The whole standard deviation of a conductance at several ages, each a polynomial of g / g_unit_uS."""

    ages_s: tuple[Positive, ...]
    polynomials: tuple[tuple[Number, ...], ...]  # one per age: ascending powers, µS
    g_unit_uS: Positive | None = None  # 1 µS where the table does not say
    valid_uS: tuple[NonNegative, NonNegative] | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        ages, curves = data.get("ages_s"), data.get("polynomials")
        if isinstance(ages, list | tuple) and isinstance(curves, list | tuple):
            if len(ages) < 2:
                raise ValueError("must have at least two `ages_s`")
            if len(ages) != len(curves):
                raise ValueError("must have as many `polynomials` as `ages_s`")
            for curve in curves:
                check_terms(curve, "polynomials")
        check_valid(data.get("valid_uS"))
        return data

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if any(after <= before for before, after in itertools.pairwise(self.ages_s)):
            raise ValueError("must have its `ages_s` ascending")
        return self

    def curves(self) -> tuple[Curve, ...]:
        """Returns the curve of each age."""
        said = {"certainty": self.certainty, "source": self.source, "valid_uS": self.valid_uS}
        return tuple(
            Curve.model_validate({**said, "polynomial": terms, "g_unit_uS": self.g_unit_uS})
            for terms in self.polynomials
        )

    @property
    def text(self) -> str:
        """The curves as they are printed, one age after the other."""
        shown = [polynomial_text(terms, self.g_unit_uS or 1.0) for terms in self.polynomials]
        return "; ".join(f"at {age:g} s: {curve}" for age, curve in zip(self.ages_s, shown, strict=True))

    @property
    def numbers(self) -> tuple[tuple[float, tuple[float, ...]], ...]:
        """(age, coefficients) of each curve, as the physics takes them."""
        terms = [tuple(curve.coefficients_uS().tolist()) for curve in self.curves()]
        return tuple(zip(self.ages_s, terms, strict=True))


class DriftSpread(Sourced):
    """The spread of a drift's exponent: one number, or slope ln(g / g_max) + intercept, kept between low and high."""

    value: NonNegative | None = None
    slope: Number | None = None
    intercept: Number | None = None
    low: NonNegative | None = None
    high: NonNegative | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            given = [key for key in DRIFT_PARTS if key in data]
            if ("value" in data) == bool(given) or (given and len(given) < len(DRIFT_PARTS)):
                raise ValueError("must have either `value` or all of `slope`, `intercept`, `low` and `high`")
        return data

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("must have its `low` at most its `high`")
        return self

    @property
    def text(self) -> str:
        """The spread as it is printed."""
        line = self.numbers
        return _line_text(line) if isinstance(line, tuple) else f"{line:g}"

    @property
    def numbers(self) -> float | tuple[float, float, float, float]:
        """The number, or (slope, intercept, low, high), as the physics takes it."""
        if self.slope is None or self.intercept is None or self.low is None or self.high is None:
            return self.value or 0.0
        return self.slope, self.intercept, self.low, self.high


class DriftExponent(Sourced):
    """The exponent of a power law of drift: nu = slope ln(g / g_max) + intercept, kept between low and high."""

    slope: Number
    intercept: Number
    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("must have its `low` at most its `high`")
        return self

    @property
    def text(self) -> str:
        """The exponent as it is printed."""
        return _line_text(self.numbers)

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        """(slope, intercept, low, high), as the physics takes them."""
        return self.slope, self.intercept, self.low, self.high


def _line_text(line: tuple[float, float, float, float]) -> str:
    slope, intercept, low, high = line
    sign = "-" if intercept < 0 else "+"
    return f"{slope:g} ln(g / g_max) {sign} {abs(intercept):g}, from {low:g} to {high:g}"
