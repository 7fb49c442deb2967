"""How far programming misses a target: its mean shift, and how the error is distributed where it is not normal."""

from collections.abc import Sequence
from typing import Any, Final, Self, TypeVar

from pydantic import TypeAdapter, ValidationInfo, field_validator, model_validator

from rampjax.circuit.curves import Points, ShiftCurve, table_fault
from rampjax.circuit.quantiles import (
    MOST_QUANTILES,
    AgedQuantiles,
    QuantileTable,
    aged_quantiles_fault,
    quantile_moments,
    quantile_table_fault,
    quantiles_fault,
)
from rampjax.config.curve_text import points_text, polynomial_text
from rampjax.config.device_values import Sourced, check_curve_table, scaled_terms
from rampjax.config.toml_file import Frozen, NonNegative, Number, Positive, Share

_Table = TypeVar("_Table", bound=Frozen)

__all__ = ["MOST_QUANTILES", "ErrorCurve", "FreshQuantiles", "Quantiles", "ShareCurve", "Shift", "quantile_moments"]

# Which of the two a list is stands beside it; pydantic's own union would name its types in the message.
_ROW: Final = TypeAdapter(tuple[Number, ...], config=Frozen.model_config)
_ROWS: Final = TypeAdapter(tuple[tuple[Number, ...], ...], config=Frozen.model_config)
_ROWS_OF_AGES: Final = TypeAdapter(tuple[tuple[tuple[Number, ...], ...], ...], config=Frozen.model_config)


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

    The first is the smallest error, the last the largest; between them the quantile function is linear. Beside `g_uS`
    there is a row of them for each conductance; beside `ages_s` there is that for each age.
    """

    ages_s: tuple[Positive, ...] | None = None
    g_uS: tuple[NonNegative, ...] | None = None
    quantiles: Any  # a row, or rows, or one or the other of each age

    @field_validator("quantiles", mode="plain")
    @classmethod
    def _of_its_form(cls, value: Any, info: ValidationInfo) -> Any:
        depth = sum(info.data.get(key) is not None for key in ("ages_s", "g_uS"))
        return (_ROW, _ROWS, _ROWS_OF_AGES)[depth].validate_python(value)

    @model_validator(mode="after")
    def _standard(self) -> Self:
        if self.ages_s is not None:
            fault = aged_quantiles_fault(self.ages_s, self.g_uS, self.quantiles)
        elif self.g_uS is not None:
            fault = quantile_table_fault(self.g_uS, self.quantiles)
        else:
            fault = quantiles_fault(self.quantiles)
        if fault:
            raise ValueError(fault)
        return self

    @property
    def text(self) -> str:
        """The distribution as it is printed."""
        if self.ages_s is None:
            return self._shape_text(self.quantiles, "; ")
        shapes = zip(self.ages_s, self.quantiles, strict=True)
        return "; ".join(f"at {age_s:g} s: {self._shape_text(shape, ', ')}" for age_s, shape in shapes)

    @property
    def numbers(self) -> tuple[float, ...] | QuantileTable | AgedQuantiles:
        """The quantiles, as the physics takes them."""
        if self.ages_s is None:
            return self._shape(self.quantiles)
        return AgedQuantiles(self.ages_s, tuple(map(self._shape, self.quantiles)))

    def _shape(self, found: tuple[Any, ...]) -> tuple[float, ...] | QuantileTable:
        return found if self.g_uS is None else QuantileTable(self.g_uS, found)

    def _shape_text(self, found: tuple[Any, ...], between: str) -> str:
        if self.g_uS is None:
            return _row_text(found)
        return between.join(f"at {g:g} µS {_row_text(row)}" for g, row in zip(self.g_uS, found, strict=True))


class FreshQuantiles(Quantiles):
    """How the error of programming is distributed, which has no age."""

    @field_validator("ages_s")
    @classmethod
    def _without_ages(cls, ages_s: object) -> object:
        if ages_s is not None:
            raise ValueError("must be absent, since only a shift since programming (`relax_quantiles`) has an age")
        return ages_s


def _row_text(row: Sequence[float]) -> str:
    return f"{len(row)} quantiles from {row[0]:.3g} to {row[-1]:.3g}"


def _checked_points(table: _Table, g_uS: Sequence[float], values: Sequence[float], key: str) -> _Table:
    fault = table_fault(g_uS, values, key)
    if fault:
        raise ValueError(fault)
    return table
