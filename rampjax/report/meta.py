"""What a report is about: its question, its specs, its assumptions and its provenance."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rampjax.checks import InputError, check_between, nearest
from rampjax.config.sections import COUNT_YIELDS

FIGURE_NAMES = ("gain", "yield_vs_spec", "trend", "inl_per_code", "transfer", "ramp")

MEASURE_LABELS: dict[str, tuple[str, str]] = {
    "max_inl_lsb": ("worst INL", "LSB"),
    "noise_rms_lsb": ("temporal noise, rms", "LSB"),
    "max_err_lsb": ("worst error", "LSB"),
    "max_dnl_lsb": ("worst DNL", "LSB"),
    "rmse_lsb": ("RMS error", "LSB"),
    "total_rmse_lsb": ("total RMS error", "LSB"),
    "enob": ("effective bits", "bits"),
    "missing_codes": ("missing codes", "codes"),
    "code_error_probability": ("code-error probability", ""),
    "metastable_probability": ("metastable decisions, share", ""),
    "n_unverified": ("unverified devices", ""),
    "write_pulses": ("write pulses", ""),
    "write_energy_fJ": ("write energy", "fJ"),
}

_COUNTED = {"missing_codes": ("missing code", "missing codes")}  # one and many of what a yield may count
LEAST_LSB = 1e-5  # errors below this are rounding of single precision, and shown as 0


def measure_label(measure: str) -> str:
    """Returns the plain name of a measure, without its unit: "worst INL" for `max_inl_lsb`."""
    return MEASURE_LABELS.get(measure, (measure, ""))[0]


def measure_unit(measure: str) -> str:
    """Returns the unit of a measure: "LSB", "bits" or "codes"."""
    return MEASURE_LABELS.get(measure, ("", "LSB" if measure.endswith("_lsb") else ""))[1]


@dataclass(frozen=True)
class ReportMeta:
    """Everything a report says that is not a number in its tables.

    Attributes:
        title: The study's title.
        question: What the study asks; the title where it is empty.
        yield_of: The measure that decides whether a chip is inside the spec, such as `max_inl_lsb`.
        specs_lsb: The specs of the yield table, in LSB; of a count, in what is counted.
        confidence: Confidence level of every interval, between 0 and 1.
        varied: The keys that vary, named as the columns of the tables.
        figures: Which of `FIGURE_NAMES` to draw, in this order.
        provenance: Commit, versions, seed, configuration: shown as a table.
        notes: What was simulated, one sentence each: which variations were on, with their clock and unit.
        read_noise_note: One sentence on how many reads the calibrations measure with; printed below the answer.
        noise_unknown: Names of the devices whose read noise nobody knows, and which was taken as 0.
        cells: Names of the devices that are measured cells, resampled: they judge the laws beside them.
    """

    title: str
    question: str = ""
    yield_of: str = "max_inl_lsb"
    specs_lsb: tuple[float, ...] = (0.25, 0.5, 1.0)
    confidence: float = 0.95
    varied: tuple[str, ...] = ()
    figures: tuple[str, ...] = FIGURE_NAMES
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read_noise_note: str = ""
    noise_unknown: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for figure in self.figures:
            if figure not in FIGURE_NAMES:
                known = ", ".join(FIGURE_NAMES)
                raise InputError(f"There is no figure `{figure}`; known are {known}.{nearest(figure, FIGURE_NAMES)}")
        if not self.specs_lsb:
            raise InputError("`specs_lsb` must hold at least one spec, but is empty.")
        for spec_lsb in self.specs_lsb:
            if self.counts and not (spec_lsb >= 0 and spec_lsb == math.floor(spec_lsb)):
                raise InputError(f"`specs_lsb` must be whole numbers from 0, but holds {spec_lsb:g}.")
            if not self.counts and not (math.isfinite(spec_lsb) and spec_lsb > 0):
                raise InputError(f"`specs_lsb` must be positive, but holds {spec_lsb:g}.")
        check_between("confidence", self.confidence, 0.0, 1.0)

    @property
    def counts(self) -> bool:
        """Whether the yield is of a count, such as that of missing codes; its specs are then no LSB."""
        return self.yield_of in COUNT_YIELDS

    def within(self, spec: float) -> str:
        """Returns where a good chip is: "within 0.5 LSB", "without a missing code", "with at most 2 missing codes"."""
        if not self.counts:
            return f"within {spec:g} LSB"
        if spec == 0:
            return f"without a {_COUNTED[self.yield_of][0]}"
        return f"with at most {spec:g} {_COUNTED[self.yield_of][spec != 1]}"

    def spec_text(self, spec: float) -> str:
        """Returns a spec as a table's head: "0.5 LSB", "no missing code", "at most 2 missing codes"."""
        if not self.counts:
            return f"{spec:g} LSB"
        return self.within(spec).replace("without a ", "no ").removeprefix("with ")

    def as_dict(self) -> dict[str, Any]:
        """Returns what belongs under the key `report` of provenance.json: all but the provenance around it."""
        kept = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "provenance"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def meta_from_provenance(document: Mapping[str, Any]) -> ReportMeta:
    """Rebuilds the `ReportMeta` from a parsed provenance.json: its key `report`, and all other keys as the provenance.

    Raises:
        InputError: `report` is missing, lacks a title, holds an unknown key, or a value of the wrong type.
    """
    return ReportMeta(**fields_from_provenance(document, ReportMeta))


def fields_from_provenance(document: Mapping[str, Any], meta: type[Any]) -> dict[str, Any]:
    """Reads the fields of a dataclass of this kind, its `provenance` among them, from a parsed provenance.json.

    Args:
        document: what the file holds.
        meta: the dataclass: its fields are text, numbers, or tuples of these, `title` among them.

    Raises:
        InputError: `report` is missing, lacks a title, holds an unknown key, or a value of the wrong type.
    """
    report = document.get("report")
    if not isinstance(report, Mapping):
        raise InputError("provenance.json: `report` must be a table that describes the report, but is missing.")
    types = {f.name: f.type for f in dataclasses.fields(meta) if f.name != "provenance"}
    fields: dict[str, Any] = {}
    for key, value in report.items():
        if key not in types:
            raise InputError(f"provenance.json: `report.{key}` is not known.{nearest(key, types)}")
        fields[key] = _checked(key, value, types[key])
    if "title" not in fields:
        raise InputError("provenance.json: `report.title` must be a string, but is missing.")
    return {**fields, "provenance": {key: value for key, value in document.items() if key != "report"}}


def _checked(key: str, value: Any, expected: object) -> Any:
    numbers = int | float
    if expected is str and isinstance(value, str):
        return value
    if expected is float and isinstance(value, numbers) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | tuple):
        if expected == tuple[float, ...] and all(isinstance(v, numbers) and not isinstance(v, bool) for v in value):
            return tuple(float(v) for v in value)
        if expected == tuple[str, ...] and all(isinstance(v, str) for v in value):
            return tuple(value)
    wanted = {str: "a string", float: "a number", tuple[float, ...]: "a list of numbers"}.get(
        expected,  # type: ignore[call-overload]
        "a list of strings",
    )
    raise InputError(f"provenance.json: `report.{key}` must be {wanted}, but is {value!r}.")
