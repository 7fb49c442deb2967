"""Runs every point of a study and writes its folder: tables, figures, page, provenance."""

import dataclasses
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.montecarlo.chunks import ChunkFolder
from rampjax.montecarlo.column import design_model
from rampjax.montecarlo.engine import CHUNK_SAMPLES, ChunkStore, Result, check_numbers, run
from rampjax.montecarlo.statistics import Statistics
from rampjax.report.answer import answer
from rampjax.report.meta import ReportMeta
from rampjax.report.tables import Tables, write_tables, write_whole
from rampjax.study.cells_spread import cells_spread_note
from rampjax.study.design_points import Solving, closed_designs, solve_plan, solve_problems
from rampjax.study.folder import CHUNKS, claim_folder, write_provenance
from rampjax.study.notes import assumptions, measurement_note, negative_reads_note, solver_notes
from rampjax.study.plan import Outcome, Plan, measured_cells, point_keys, unknown_read_noise
from rampjax.study.provenance import describe_run
from rampjax.study.spice_runner import run_spice_plan
from rampjax.study.tables import Measurement, join_tables, result_tables
from rampjax.target.arithmetic import model_arithmetic

BAND_CHIPS = 1_000  # so many first chips make the bands of the figures
_CHUNK_VALUES, _LEAST_CHUNK = 2**24, 2_048  # a chunk of a wide column is smaller: it is what a kill may lose

Progress = Callable[[int], None]


@model_arithmetic()
def simulate(
    design: Design,
    measurement: Measurement,
    *,
    n_samples: int,
    seed: int,
    save_samples: bool = False,
    store: ChunkStore | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulates one design on many chips: columns, or whole arrays where the design has more than one.

    Args:
        design: what to simulate.
        measurement: what to measure of every chip.
        n_samples: number of chips.
        seed: of every random number.
        save_samples: return the measures of every chip too.
        store: keeps finished chunks.
        progress: called with the number of chips just finished.
    """
    params = converter_params(design)
    model = design_model(design, column_structure(design), measurement.all_names, params)
    return run(
        model,
        params,
        n_samples=n_samples,
        seed=seed,
        specs=[*measurement.specs_lsb, *measurement.curve_specs],
        n_keep=BAND_CHIPS,
        chunk_samples=min(max(_CHUNK_VALUES // model.width, _LEAST_CHUNK), CHUNK_SAMPLES),
        save_samples=save_samples,
        store=store,
        progress=progress,
    )


def run_plan(
    plan: Plan, out: Path, *, resume: bool = False, progress: Progress | None = None, solving: Solving | None = None
) -> Outcome:
    """Runs a plan into a folder: tables, figures, page, provenance.

    Args:
        plan: what to run.
        out: a new or empty folder, or, to resume, that of a run with the same configuration,
            seed, versions and backend.
        resume: continue: finished chunks are not simulated again; the number of samples may have grown.
        progress: called with the number of chips just finished.
        solving: shows how far the solver is, which comes before all chips.

    Raises:
        InputError: a point that cannot be designed (found before anything is simulated), a number of samples or a seed
            out of range, or a folder that is refused.
    """
    if plan.spice is not None:
        return run_spice_plan(plan, plan.spice, out, resume=resume, progress=progress, solving=solving)
    check_numbers(plan.samples, plan.seed)
    closed, problems = closed_designs(plan.points), solve_problems(plan.points)
    meta = ReportMeta(
        title=plan.title,
        question=plan.title,
        yield_of=plan.measurement.yield_of,
        specs_lsb=plan.measurement.specs_lsb,
        confidence=plan.measurement.confidence,
        varied=plan.varied,
        figures=plan.figures,
        notes=(*plan.notes, *assumptions(plan.points)),
        read_noise_note=measurement_note(plan.points),
        noise_unknown=unknown_read_noise(plan.points),
        cells=measured_cells(plan.points),
    )
    provenance = describe_run(plan.configuration, plan.seed, plan.samples)
    described = {**provenance, "report": meta.as_dict()}
    claim_folder(out, described, resume)
    solved = solve_plan(plan, problems, out, solving)
    if problems:
        meta = dataclasses.replace(meta, notes=(*meta.notes, *solver_notes(plan.points, solved.open_points)))
    designs = {**closed, **solved.designs}
    if note := negative_reads_note(plan.points, designs):
        meta = dataclasses.replace(meta, notes=(*meta.notes, note))
    described["report"] = meta.as_dict()
    if progress:
        progress(0)
    tables, statistics = _run_points(plan, designs, out, progress)
    if note := cells_spread_note(plan.points, designs, plan.measurement, plan.samples, plan.seed, simulate):
        meta = dataclasses.replace(meta, notes=(*meta.notes, note))
        described["report"] = meta.as_dict()
    write_tables(out, tables)
    write_provenance(out, described)
    from rampjax.report.page import build_report  # brings seaborn, which numbers alone do not need

    page = build_report(out, dataclasses.replace(meta, provenance=provenance), tables)
    return Outcome(page, answer(meta, tables), statistics)


def _run_points(
    plan: Plan, designs: Mapping[int, Design], out: Path, progress: Progress | None
) -> tuple[Tables, list[Statistics]]:
    parts, statistics, samples = [], [], {}
    for number, point in enumerate(plan.points):
        name, design = f"point_{number:05d}", designs[number]
        result = simulate(
            design,
            plan.measurement,
            n_samples=plan.samples,
            seed=plan.seed,
            save_samples=plan.save_samples,
            store=ChunkFolder(out / CHUNKS / name),
            progress=progress,
        )
        parts.append(result_tables(point_keys(point), design, result, plan.measurement))
        statistics.append(result.statistics)
        if plan.save_samples:
            samples[name] = result.measures
    if samples:
        _write_samples(out / "samples.npz", plan, samples)
    return join_tables(parts), statistics


def _write_samples(path: Path, plan: Plan, samples: dict[str, np.ndarray]) -> None:
    """Writes the measures of every chip: an array (chip, measure) per point, `names`, and the points' keys as text."""
    labels = [", ".join(f"{key}={value}" for key, value in point_keys(point).items()) for point in plan.points]
    arrays: dict[str, Any] = {"names": np.array(plan.measurement.all_names), "points": np.array(labels), **samples}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_whole(path, content.getvalue())
