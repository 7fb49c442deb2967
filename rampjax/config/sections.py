"""The sections of a study file beside the circuit's, each a frozen model."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, field_serializer, model_validator

from rampjax.checks import InputError, to_real
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.config.devices import DEFAULT_DEVICE
from rampjax.config.toml_file import Frozen, Integer, Text, between, of_sane_size

Levels = Literal["midrise", "endpoint", "zero", "optimal", "bs_kmq"]
MeasureName = Literal[
    "max_inl_lsb",
    "max_err_lsb",
    "max_dnl_lsb",
    "rmse_lsb",
    "noise_rms_lsb",
    "total_rmse_lsb",
    "enob",
    "missing_codes",
    "code_error_probability",
    "metastable_probability",
    "n_unverified",
    "write_pulses",
    "write_energy_fJ",
]
# Measures of which a chip may be good: errors, whose specs are in LSB, and counts, whose specs are whole numbers.
ErrorYield = Literal["max_inl_lsb", "max_err_lsb", "max_dnl_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb"]
CountYield = Literal["missing_codes"]
YieldMeasure = Literal[ErrorYield, CountYield]
FigureName = Literal["gain", "yield_vs_spec", "trend", "inl_per_code", "transfer", "ramp"]

MEASURES: Final[tuple[MeasureName, ...]] = get_args(MeasureName)
COUNT_YIELDS: Final[tuple[CountYield, ...]] = get_args(CountYield)
FIGURES: Final[tuple[FigureName, ...]] = get_args(FigureName)

MAX_COUNT: Final = 2**63 - 1

Item = TypeVar("Item")


def _distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if len(set(items)) < len(items):
        raise ValueError("must not name anything twice")
    return items


def _some(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise ValueError("must have at least one entry")
    return items


def _inside_unit(value: float) -> float:
    if not 0.0 < value < 1.0:
        raise ValueError("must be above 0 and below 1")
    return value


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError("must be positive")
    return value


_Spec = Annotated[float, Strict(), AfterValidator(_not_negative), AfterValidator(of_sane_size)]


def parse_range(given: Any) -> tuple[float, float] | None:
    """Returns (lo, hi) from `LO:HI`, [lo, hi] or None (the function's own range); an end may be -inf or inf.

    Raises:
        ValueError: neither of these, NaN, or lo >= hi.
    """
    if given is None:
        return None
    if isinstance(given, str):
        ends: list[Any] = given.split(":")
    else:
        ends = list(given) if isinstance(given, list | tuple) else []
        if any(isinstance(end, bool) or not isinstance(end, int | float) for end in ends):
            ends = []
    try:
        low, high = (to_real(end) if isinstance(end, str) else float(end) for end in ends)
    except (ValueError, OverflowError):
        raise ValueError('must be "LO:HI" or [lo, hi]') from None
    if not low < high:
        raise ValueError("must have its low end below its high end")
    if low == math.inf or high == -math.inf:
        raise ValueError("must have a finite point between its ends")
    return low, high


def range_text(x_range: tuple[float, float]) -> str:
    """Returns `LO:HI`, the inverse of `parse_range`."""
    return ":".join(str(end).removesuffix(".0") for end in x_range)


def _canonical_calibration(text: str) -> str:
    return parse_calibration(text).text


class DesignConfig(Frozen):
    """What the column computes, and how it is calibrated."""

    function: Text = Field(
        default="sigmoid", description="a name, an expression in x, or the path of a table that ends in .csv"
    )
    bits: Annotated[Integer, between(2, 16)] = Field(default=5, description="bits of the output code, 2 to 16")
    column_bits: Annotated[Integer, between(2, 16)] | None = Field(
        default=None,
        description="bits of the column itself, where it is run at fewer (`bits`); absent: the same as `bits`",
    )
    levels: Levels = Field(default="midrise", description="where the output levels lie")
    range: Annotated[tuple[float, float] | None, BeforeValidator(parse_range)] = Field(
        default=None, description="range of x, LO:HI; by default the function's own"
    )
    inputs: Text = Field(
        default="output",
        description="distribution of x: output (every output equally likely), uniform, uniform:LO:HI, normal:MEAN:STD, "
        "or the path of a file of samples that ends in .csv, .txt or .npy",
    )
    calibration: Annotated[Text, AfterValidator(_canonical_calibration)] = Field(
        default="none", description="none, or one_point, one_point_bias, two_point, ramp_aware, redundant:N joined by +"
    )

    model_config = ConfigDict(allow_inf_nan=True)  # a range may be infinite

    @property
    def x_range(self) -> tuple[float, float] | None:
        """The range of x, or None for the function's own."""
        return self.range

    @field_serializer("range")
    def _range_as_text(self, value: tuple[float, float] | None) -> str | None:
        return None if value is None else range_text(value)


class MeasureConfig(Frozen):
    """What is measured on every chip, and what counts as a good one."""

    names: Annotated[tuple[MeasureName, ...], AfterValidator(_some), AfterValidator(_distinct)] = Field(
        default=("max_inl_lsb", "rmse_lsb"), description="measures to summarise"
    )
    yield_of: YieldMeasure = Field(default="max_inl_lsb", description="measure that must be within the spec")
    specs_lsb: Annotated[tuple[_Spec, ...], AfterValidator(_some), AfterValidator(_distinct)] = Field(
        default=(0.25, 0.5, 1.0), description="specs in LSB; of missing_codes whole numbers of codes from 0"
    )
    confidence: Annotated[float, Strict(), AfterValidator(_inside_unit)] = Field(
        default=0.95, description="level of the confidence intervals, as a fraction"
    )
    save_samples: Annotated[bool, Strict()] = Field(
        default=False, description="write the measures of every chip to samples.npz; memory then grows with samples"
    )

    @model_validator(mode="before")
    @classmethod
    def _no_code_missing(cls, data: Any) -> Any:
        """Of a count the spec is 0 where none is given: no code may be missing."""
        if isinstance(data, Mapping) and data.get("yield_of") in COUNT_YIELDS:
            return {"specs_lsb": (0.0,), **data}
        return data

    def check_specs(self) -> None:
        """Raises InputError unless the specs are of the kind that the measure of the yield has."""
        for place, spec in enumerate(self.specs_lsb):
            key = f"`measure.specs_lsb[{place}]`"
            if self.yield_of in COUNT_YIELDS:
                if spec != int(spec):
                    raise InputError(
                        f"{key} must be a whole number while `measure.yield_of` is {self.yield_of}, but is {spec:g}."
                    )
            elif spec == 0:
                raise InputError(f"{key} must be positive, but is {spec:g}.")


class ReportConfig(Frozen):
    """What the report shows."""

    figures: Annotated[tuple[FigureName, ...], AfterValidator(_distinct)] = Field(
        default=FIGURES, description="figures to draw"
    )


class DeviceChoice(Frozen):
    """The device of a study: a preset or a device file, and the fields that replace its own."""

    preset: Text = Field(
        default=DEFAULT_DEVICE, description="name of a preset, or the path of a device file that ends in .toml"
    )
    overrides: dict[str, int | float] = Field(default_factory=dict)


class StudyHead(Frozen):
    """What stands at the top of a study file."""

    title: Text = Field(description="the question, as text")
    samples: Annotated[Integer, between(1, MAX_COUNT)] = Field(
        default=10_000, description="chips simulated at each point"
    )
    seed: Annotated[Integer, between(0, MAX_COUNT)] = Field(
        default=1, description="seed of every random number, 0 to 2**63 - 1"
    )
