"""The error budget of a design: every source of error alone, and every one left out, on the same chips.

Every source draws from a random stream of its own, so that a chip has the same draws in every case: differences between
cases are known better than each mean.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from rampjax.checks import InputError
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.curve_params import scale_curve
from rampjax.circuit.design import Design
from rampjax.circuit.noise import scale_noise
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.config.build import build_design
from rampjax.config.design_file import bare
from rampjax.config.points import Point
from rampjax.metrics import COUNTS
from rampjax.montecarlo.chunks import ChunkFolder
from rampjax.montecarlo.column import design_model
from rampjax.montecarlo.engine import ChunkStore, Result, run
from rampjax.montecarlo.statistics import Statistics
from rampjax.report.budget import ALL, BUDGET_MEASURES, CASES, COLUMNS, write_budget
from rampjax.report.page import render_report
from rampjax.report.tables import KINDS, kind_columns
from rampjax.study.error_sources import sources_on, switch
from rampjax.study.folder import CHUNKS
from rampjax.study.tables import Measurement
from rampjax.target.arithmetic import model_arithmetic

_FAINT: Final = 2.0**-20  # of a read noise: too little to see; a power of two, so that products keep their bits


def case_params(variant: Design, on: Iterable[str]) -> ConverterParams:
    """The traced parameters of a design with only the given sources on.

    Measurement noise without read noise is a faint read noise whose measurements are averaged the less.
    """
    params = converter_params(variant)
    if "measurement noise" not in on or "read noise" in on:
        return params
    faint_uS = scale_curve(params.device.sigma_read_uS, _FAINT)
    averaging = params.calibration.read_averaging / _FAINT
    return params._replace(
        device=params.device._replace(sigma_read_uS=faint_uS),
        calibration=params.calibration._replace(read_averaging=averaging),
        # The rest of what a measurement feels keeps its size.
        measuring=scale_noise(params.measuring, _FAINT),
        programming=params.programming._replace(read_averaging=averaging),
    )


def shared_structure(whole: ColumnStructure, own: ColumnStructure) -> ColumnStructure:
    """The structure of the whole design for a case of it, so that nearly all cases share one compiled kernel.

    Figures at zero make no error in it, but a counter that starts later and a write-verify loop would, and noise of 0 V
    at every strobe has no distribution.
    """
    return dataclasses.replace(
        whole,
        continuous=own.continuous,
        n_removed=own.n_removed,
        write_scheme=own.write_scheme,
        strobe_noise=own.strobe_noise,
    )


def list_cases(sources: tuple[str, ...]) -> list[frozenset[str]]:
    """The sets of sources that are simulated: all, none, each alone, all but each; none of them twice."""
    everything = frozenset(sources)
    cases = [everything, frozenset(), *(frozenset([name]) for name in sources)]
    return list(dict.fromkeys([*cases, *(everything - {name} for name in sources)]))


def count_cases(point: Point) -> int:
    """How many times the chips of a budget are simulated.

    Raises:
        InputError: nothing is on.
    """
    return len(list_cases(_sources_of(build_design(point))))


def _sources_of(design: Design) -> tuple[str, ...]:
    found = sources_on(design)
    if not found:
        raise InputError("`--budget` needs at least one source of error, but none is on: every figure is ideal.")
    return found


def run_budget(
    point: Point,
    *,
    spec_lsb: float,
    samples: int,
    seed: int,
    yield_of: str,
    out: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[Any]]:
    """Simulates the error budget of a point and returns it as lists, largest source first.

    Args:
        point: the design's settings.
        spec_lsb: a chip is good when its measure is at most this, in LSB.
        samples: number of chips of each case.
        seed: seed of every random number.
        yield_of: the measure of the yield.
        out: a folder in which `run_yield` has left its tables: gets budget.csv, its figure, and its part of the page.
        progress: called with the number of chips just finished.

    Returns:
        One entry per source, the first for all of them: alone there means all on, left out none on.

    Raises:
        InputError: nothing is on.
    """
    design = build_design(point)
    sources = _sources_of(design)
    measurement = Measurement(BUDGET_MEASURES, yield_of, (spec_lsb,))
    found = {
        case: simulate_case(design, case, measurement, samples, seed, progress, store=_store(out, case)).statistics
        for case in list_cases(sources)
    }
    record = _lists(sources, found, measurement)
    if out is not None:
        write_budget(out, record)
        render_report(out)
    return record


def _store(out: Path | None, case: frozenset[str]) -> ChunkFolder | None:
    """Where the chunks of a case are kept, by the sources that are on, so that a killed budget continues."""
    if out is None:
        return None
    name = "+".join(sorted(case))
    return ChunkFolder(out / CHUNKS / f"budget_{hashlib.sha256(name.encode()).hexdigest()[:16]}")


@model_arithmetic()
def simulate_case(
    design: Design,
    on: Iterable[str],
    measurement: Measurement,
    samples: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
    save_samples: bool = False,
    store: ChunkStore | None = None,
) -> Result:
    """Simulates a design with only the given sources on, by the kernel of the whole design.

    Args:
        design: with every source.
        on: the sources that are on.
        measurement: what to measure of every chip.
        samples: number of chips.
        seed: seed of every random number.
        progress: called with the number of chips just finished.
        save_samples: return the measures of every chip too.
        store: keeps finished chunks.
    """
    case = frozenset(on)
    variant = switch(design, case)
    params = case_params(variant, case)
    structure = shared_structure(column_structure(design), column_structure(variant))
    return run(
        design_model(design, structure, measurement.all_names, params),
        params,
        n_samples=samples,
        seed=seed,
        specs=measurement.specs_lsb,
        save_samples=save_samples,
        store=store,
        progress=progress,
    )


def _lists(
    sources: tuple[str, ...], found: dict[frozenset[str], Statistics], measurement: Measurement
) -> dict[str, list[Any]]:
    everything = frozenset(sources)
    cases = {name: (frozenset([name]), everything - {name}) for name in sources}
    total = {name: found[alone].mean("total_rmse_lsb") for name, (alone, _) in cases.items()}
    inl = {name: found[alone].mean("max_inl_lsb") for name, (alone, _) in cases.items()}
    ordered = sorted(sources, key=lambda name: (-round(total[name], 4), -inl[name]))
    rows = [(ALL, (everything, frozenset[str]())), *((name, cases[name]) for name in ordered)]
    record: dict[str, list[Any]] = {"source": [name for name, _ in rows]}
    for place, case in enumerate(CASES):
        each = [_numbers(found[pair[place]], measurement) for _, pair in rows]
        record |= {f"{case}_{key}": [numbers[key] for numbers in each] for key in each[0]}
    return {name: record[name] for name in COLUMNS}


def _numbers(statistics: Statistics, measurement: Measurement) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for name in BUDGET_MEASURES:
        low, high = statistics.mean_interval(name, measurement.confidence)
        numbers |= {name: bare(statistics.mean(name)), f"{name}_ci_low": bare(low), f"{name}_ci_high": bare(high)}
    spec, counted = measurement.specs_lsb[0], measurement.yield_of in COUNTS
    share, low, high = statistics.yield_at(measurement.yield_of, spec, measurement.confidence)
    numbers |= {"yield_fraction": share, "yield_ci_low": low, "yield_ci_high": high}
    for kind, name in KINDS.items():
        held = (None,) * 3 if counted else statistics.yield_at(name, spec, measurement.confidence)
        numbers |= dict(zip(kind_columns(kind), held, strict=True))
    return numbers
