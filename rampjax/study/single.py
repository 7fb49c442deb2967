"""One design on many chips, as `rampjax yield` asks for it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rampjax.checks import InputError, nearest
from rampjax.circuit.blocks import LARGEST
from rampjax.circuit.design import Design
from rampjax.config.build import DesignPoint, build_design
from rampjax.config.design_file import bare, design_record
from rampjax.config.points import Point
from rampjax.config.toml_file import quoted
from rampjax.metrics import COUNTS
from rampjax.montecarlo.engine import check_numbers
from rampjax.montecarlo.statistics import Statistics
from rampjax.report.figures import draw_figures, write_figures
from rampjax.report.labels import reads_text
from rampjax.report.meta import FIGURE_NAMES, ReportMeta
from rampjax.report.tables import KINDS, kind_columns, write_whole
from rampjax.study.folder import open_folder, to_json
from rampjax.study.notes import negative_read_note
from rampjax.study.plan import Plan, device_label, point_keys
from rampjax.study.runner import BAND_CHIPS, run_plan, simulate
from rampjax.study.tables import Measurement, result_tables

MEASURE_OF = {**KINDS, "missing-codes": "missing_codes"}
DEFAULT_SPEC = {"static": 0.5, "total": 0.5, "missing-codes": 0.0}
_SHOWN = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb")
_MEANS = {"mean_max_inl_lsb": "max_inl_lsb"} | {name: name for name in _SHOWN if name != "max_inl_lsb"}
_COMPARED_CHIPS = 4_096


def run_design(point: Point, overrides: Sequence[str], *, seed: int, out: Path | None = None) -> dict[str, Any]:
    """Designs a column and returns its design file as bare JSON values.

    Args:
        point: the design's settings.
        overrides: what replaced fields of the preset or the circuit, `KEY=VALUE`.
        seed: seed of the chips drawn in the figures.
        out: a new or empty folder for design.json and the figures; None writes nothing.

    Raises:
        InputError: conductances that cannot be met, or a folder that is refused.
    """
    check_numbers(BAND_CHIPS, seed)
    design = build_design(point)
    record = design_record(design, overrides)
    if out is None:
        return record
    open_folder(out)
    measurement = Measurement(("max_inl_lsb",), "max_inl_lsb", (0.5,))
    result = simulate(design, measurement, n_samples=BAND_CHIPS, seed=seed)
    tables = result_tables(point_keys(point), design, result, measurement)
    meta = ReportMeta(title=f"{point.bits}-bit {point.function} on {device_label(point)}", figures=("transfer", "ramp"))
    write_figures(out, draw_figures(meta, tables))
    write_whole(out / "design.json", to_json(record))
    return record


def run_yield(
    point: Point,
    overrides: Sequence[str] = (),
    *,
    samples: int,
    seed: int,
    spec_lsb: float | None = None,
    measure: str = "static",
    out: Path | None = None,
    resume: bool = False,
    budget: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Simulates one design and returns the yield with everything that belongs beside it, as bare JSON values.

    Args:
        point: the design's settings.
        overrides: what replaced fields of the preset or the circuit, `KEY=VALUE`: recorded.
        samples: number of chips.
        seed: seed of every random number.
        spec_lsb: a chip is good when its measure is at most this, in LSB, or so many missing codes; None: that of
            `DEFAULT_SPEC`.
        measure: `static` (max_inl_lsb), `total` (total_rmse_lsb) or `missing-codes` (missing_codes).
        out: a new or empty folder for tables, figures and page; None writes nothing.
        resume: `out` may hold an earlier run of the same, whose finished chunks are not simulated again; the number of
            samples may have grown.
        budget: the folder gets an error budget too, by `run_budget`: a run that continues must agree on it.
        progress: called with the number of chips just finished.

    Raises:
        InputError: see `run_plan`; to resume without a folder; or a spec that is not positive, of missing codes not a
            whole number from 0.
    """
    if measure not in MEASURE_OF:
        known = quoted(MEASURE_OF)
        raise InputError(f"`measure` must be one of {known}, but is `{measure}`.{nearest(measure, MEASURE_OF)}")
    spec = DEFAULT_SPEC[measure] if spec_lsb is None else spec_lsb
    if MEASURE_OF[measure] in COUNTS:
        if not (0 <= spec <= LARGEST and spec == int(spec)):
            raise InputError(f"`spec` must be a whole number of missing codes from 0, but is {spec:g}.")
    elif not 0 < spec < float("inf"):
        raise InputError(f"`spec` must be a positive number of LSB, but is {spec:g}.")
    if resume and out is None:
        raise InputError("--resume has no effect without --out, the folder of the run to continue.")
    check_numbers(samples, seed)
    measurement = Measurement((*_SHOWN, *_unasked(point)), MEASURE_OF[measure], (float(spec),))
    design = build_design(point)
    if out is None:
        if progress:
            progress(0)
        statistics = simulate(design, measurement, n_samples=samples, seed=seed, progress=progress).statistics
    else:
        plan = _plan(point, measurement, samples, seed, budget)
        statistics = run_plan(plan, out, resume=resume, progress=progress).statistics[0]
    return _record(point, overrides, statistics, measurement, seed)


def _unasked(point: Point) -> tuple[str, ...]:
    """Measures without which a result cannot be judged: how loops ended, how often a latch does not decide."""
    circuit = point.circuit
    loops = ("n_unverified", "write_pulses", "write_energy_fJ") if circuit.programming.mode == "write_verify" else ()
    return (*loops, *(("metastable_probability",) if circuit.comparator.kind == "strobed" else ()))


def _plan(point: Point, measurement: Measurement, samples: int, seed: int, budget: bool) -> Plan:
    column = f"a {point.bits}-bit {point.function} column on {device_label(point)}"
    spec = measurement.specs_lsb[0]
    title = f"How often does {column} stay within {spec:g} LSB?"
    if measurement.yield_of in COUNTS:
        title = f"How often does {column} have {'no' if spec == 0 else f'at most {spec:g}'} missing codes?"
    return Plan(
        title=title,
        points=[point],
        varied=(),
        samples=samples,
        seed=seed,
        measurement=measurement,
        figures=FIGURE_NAMES,
        save_samples=False,
        configuration={**_configuration(point, measurement), "budget": budget},
    )


def _configuration(point: Point, measurement: Measurement) -> dict[str, Any]:
    return {
        **point_keys(point),
        "levels": point.levels,
        "table_sha256": point.table_sha256(),
        "inputs": point.inputs,
        "inputs_sha256": point.inputs_sha256(),
        "design_sha256": _design_sha256(point),
        "range": None if point.x_range is None else [str(end) for end in point.x_range],
        "circuit": dataclasses.asdict(point.circuit),
        "column_bits": point.column_bits,
        "device_fields": json.loads(point.device.model_dump_json()),
        "yield_of": measurement.yield_of,
        "specs_lsb": list(measurement.specs_lsb),
    }


def _design_sha256(point: Point) -> str | None:
    """The SHA-256 of a design that is given by a file; None for one that follows from the other settings."""
    if not isinstance(point, DesignPoint):
        return None
    return hashlib.sha256(to_json(design_record(point.design))).hexdigest()


def _record(
    point: Point, overrides: Sequence[str], statistics: Statistics, measurement: Measurement, seed: int
) -> dict[str, Any]:
    spec = measurement.specs_lsb[0]
    yield_fraction, low, high = statistics.yield_at(measurement.yield_of, spec, measurement.confidence)
    beside: dict[str, Any] = {}
    for kind, name in KINDS.items():
        # of a count the spec is no LSB, within which an error could be
        counted = measurement.yield_of in COUNTS
        values = (None,) * 3 if counted else statistics.yield_at(name, spec, measurement.confidence)
        beside |= dict(zip(kind_columns(kind), values, strict=True))
    means: dict[str, Any] = {}
    for key, name in (_MEANS | {name: name for name in _unasked(point)}).items():
        mean_low, mean_high = statistics.mean_interval(name, measurement.confidence)
        means |= {key: bare(statistics.mean(name)), f"{key}_ci_low": bare(mean_low), f"{key}_ci_high": bare(mean_high)}
    return {
        **point_keys(point),
        "device": point.device.name,
        "levels": point.levels,
        "inputs": point.inputs,
        "overrides": list(overrides),
        "measure": measurement.yield_of,
        "spec": spec,
        "yield_fraction": yield_fraction,
        "failure_probability": statistics.failure_probability(measurement.yield_of, spec),
        "ci_low": low,
        "ci_high": high,
        **beside,
        "confidence": measurement.confidence,
        "n_samples": statistics.n_samples,
        **means,
        "n_not_finite": statistics.n_not_finite_of(measurement.yield_of),
        "read_noise_unknown": point.device.read_noise_unknown,
        "n_reads": point.circuit.n_reads,
        "read_by": point.circuit.read_by,
        **{name: getattr(point.circuit.array, name) for name in ("n_columns", "n_spare", "n_ramps")},
        "seed": seed,
    }


def yield_notes(point: Point, seed: int) -> list[str]:
    """Returns what a user should know of a design beside its yield: of its calibration, and of its reads."""
    return [note for note in (composition_note(point, seed), negative_read_note(build_design(point))) if note]


def composition_note(point: Point, seed: int) -> str | None:
    """Measures whether a calibration could do with less, and returns a sentence where it could.

    Asked where that can happen: a correction after `ramp_aware`, or a measurement of few reads.
    """
    design = build_design(point)
    calibration, n_reads = design.calibration, design.circuit.n_reads
    if not calibration.measures:
        verifies = design.circuit.programming.mode == "write_verify"
        unread = "`circuit.n_reads` has no effect, since calibration `none` measures nothing."
        return unread if n_reads and not verifies else None
    if n_reads == 0 and not (calibration.ramp_aware and calibration.correction != "none"):
        return None
    simpler = {dataclasses.replace(calibration, correction="none"), dataclasses.replace(calibration, ramp_aware=False)}
    means = {
        candidate: _mean_worst_inl(dataclasses.replace(design, calibration=candidate), seed)
        for candidate in sorted(simpler | {calibration}, key=lambda candidate: candidate.text)
    }
    best = min(means, key=lambda candidate: means[candidate])
    if means[best] >= means[calibration]:
        return None
    reads = f"with {reads_text(n_reads, design.circuit.read_by)}, " if n_reads else ""
    return (
        f"{reads}`{calibration.text}` is worse than `{best.text}`: mean worst INL {means[calibration]:.3g} against "
        f"{means[best]:.3g} LSB on {_COMPARED_CHIPS} chips."
    )


def _mean_worst_inl(design: Design, seed: int) -> float:
    measurement = Measurement(("max_inl_lsb",), "max_inl_lsb", (1.0,))
    return simulate(design, measurement, n_samples=_COMPARED_CHIPS, seed=seed).statistics.mean("max_inl_lsb")
