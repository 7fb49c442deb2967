"""What a run is about, and what it leaves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rampjax.config.points import Point
from rampjax.config.spice_section import SpiceConfig
from rampjax.config.study_file import StudyConfig, StudyPoint
from rampjax.montecarlo.statistics import Statistics
from rampjax.report.tables import COMMON_KEYS
from rampjax.study.cells import with_cells
from rampjax.study.notes import study_notes
from rampjax.study.tables import Measurement


@dataclass(frozen=True)
class Plan:
    """Everything that a run is about, whether it comes from a study file or from the options of a command."""

    title: str
    points: Sequence[Point]
    varied: tuple[str, ...]
    samples: int
    seed: int
    measurement: Measurement
    figures: tuple[str, ...]
    save_samples: bool
    configuration: Mapping[str, Any]  # JSON-able: what the results depend on beside samples and seed
    notes: tuple[str, ...] = ()  # beside the assumptions
    spice: SpiceConfig | None = None  # given where chips are compared with ngspice, and nothing is measured


@dataclass(frozen=True)
class Outcome:
    """What a run leaves beside its folder."""

    page: Path
    answer: str  # in a sentence or two, computed from the tables
    statistics: list[Statistics]  # one per point; none where chips were compared with ngspice


def plan_study(study: StudyConfig, data: Path | None = None) -> Plan:
    """The plan of a validated study file.

    Args:
        study: the file.
        data: the folder of data files that its devices need, see `with_cells`.

    Raises:
        InputError: see `with_cells`.
    """
    measure, configuration, points = study.measure, study.canonical(), with_cells(study.points(), data)
    # Samples may grow and the seed stands apart; how a result is named and shown is no part of what it rests on.
    for apart in ("samples", "seed", "name", "title", "report"):
        configuration.pop(apart, None)
    return Plan(
        title=study.title,
        points=points,
        varied=tuple(study.vary),
        samples=study.samples,
        seed=study.seed,
        measurement=Measurement(
            (*measure.names, *_undecided(points)), measure.yield_of, measure.specs_lsb, measure.confidence
        ),
        figures=study.report.figures,
        save_samples=measure.save_samples,
        configuration=configuration,
        notes=study_notes(study),
        spice=study.spice,
    )


def _undecided(points: Sequence[Point]) -> tuple[str, ...]:
    """The measure without which no total error of a strobed comparator can be judged, where there is one."""
    strobed = any(point.circuit.comparator.kind == "strobed" for point in points)
    return ("metastable_probability",) if strobed else ()


def point_keys(point: Point) -> dict[str, Any]:
    """The columns that tell a point from the others of its study."""
    common = {name: getattr(point, name) for name in COMMON_KEYS if name != "device"} | {"device": device_label(point)}
    return {name: common[name] for name in COMMON_KEYS} | {k: v for k, v in point.labels.items() if k not in common}


def device_label(point: Point) -> str:
    """The device's name with what replaces its own figures; what the study or its case varies is apart."""
    apart = {*point.labels, *(point.case_keys if isinstance(point, StudyPoint) else ())}
    replaced = {key: value for key, value in point.device_overrides.items() if f"device.{key}" not in apart}
    settings = ", ".join(f"{key}={value:g}" for key, value in replaced.items())
    return f"{point.device.name} ({settings})" if settings else point.device.name


def measured_cells(points: Sequence[Point]) -> tuple[str, ...]:
    """The devices, as tables name them, that are measured cells."""
    return tuple(dict.fromkeys(device_label(point) for point in points if point.device.cells is not None))


def unknown_read_noise(points: Sequence[Point]) -> tuple[str, ...]:
    """The devices, as tables name them, whose read noise nobody knows, so that it is taken as 0."""
    return tuple(dict.fromkeys(device_label(point) for point in points if point.device.read_noise_unknown))
