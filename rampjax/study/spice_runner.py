"""Runs every point of a study against ngspice, chip by chip, and writes its folder."""

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pandas as pd

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.points import Point
from rampjax.config.spice_section import SpiceConfig
from rampjax.interop.spice.compare import CLEARANCE, chip_inputs, compare_chip
from rampjax.interop.spice.version import ngspice_version
from rampjax.montecarlo.chip import sample_chip
from rampjax.montecarlo.engine import check_numbers
from rampjax.report.agreement import AgreementMeta, AgreementTables, write_agreement
from rampjax.report.agreement_text import agreement_sentences
from rampjax.study.design_points import Solving, closed_designs, error_at, solve_plan, solve_problems
from rampjax.study.folder import CHUNKS, claim_folder, write_provenance
from rampjax.study.notes import assumptions, measurement_note, solver_notes
from rampjax.study.plan import Outcome, Plan, point_keys
from rampjax.study.provenance import describe_run
from rampjax.study.spice import Tolerances, check_spice_numbers
from rampjax.study.spice_effect import Effect, effect
from rampjax.study.spice_store import ChipStore, Compared
from rampjax.study.spice_tables import level_frame, point_frame

Progress = Callable[[int], None]
NOTES = (
    "Each netlist is one chip: every row of the ramp column with its driver, memristor and access switch, the "
    "integrator with its amplifier, a stage that holds each level, and comparators. Both sides have the same draws.",
    "A netlist is of one conversion without temporal noise; read noise acts in measurements of a calibration alone.",
    "The columns see the held staircase: a hold stage stands between integrator and comparators. A pulse starts with "
    "the clock of its step; where it outlasts its step, the clock waits. The capacitor is precharged exactly to where "
    "the ramp starts, unless bias devices make the start.",
    "The MAC voltage of each input is a source: of the MAC only its errors are compared, not how they come about.",
)


def run_spice_plan(
    plan: Plan,
    spice: SpiceConfig,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    solving: Solving | None = None,
) -> Outcome:
    """Compares the chips of a plan with ngspice and writes the folder.

    Args:
        plan: what to run.
        spice: how chips are compared.
        out: a new or empty folder, or, to resume, that of a run with the same configuration, seed and versions.
        resume: continue: finished chips are not simulated again; the number of samples may have grown.
        progress: called with the number of chips just finished.
        solving: shows how far the solver is, which comes before all chips.

    Raises:
        InputError: no ngspice, a point that cannot be designed or simulated, or a folder that is refused.
    """
    check_numbers(plan.samples, plan.seed)
    check_spice_numbers(plan.samples, spice.inputs)
    version = ngspice_version()
    closed, problems = closed_designs(plan.points), solve_problems(plan.points)
    notes = (*NOTES, *plan.notes, *assumptions(plan.points), measurement_note(plan.points))
    meta = AgreementMeta(plan.title, version, CLEARANCE, varied=plan.varied, notes=notes)
    provenance = describe_run(plan.configuration, plan.seed, plan.samples, {"ngspice": version})
    described = {**provenance, "report": meta.as_dict()}
    claim_folder(out, described, resume)
    solved = solve_plan(plan, problems, out, solving)
    if problems:
        meta = dataclasses.replace(meta, notes=(*meta.notes, *solver_notes(plan.points, solved.open_points)))
        described["report"] = meta.as_dict()
    compared = _compare_points(plan, spice, {**closed, **solved.designs}, out, progress)
    tables = _tables(plan, spice, compared)
    write_agreement(out, tables)
    write_provenance(out, described)
    from rampjax.report.agreement_page import build_agreement  # brings seaborn, which numbers alone do not need

    page = build_agreement(out, dataclasses.replace(meta, provenance=provenance), tables)
    return Outcome(page, " ".join(agreement_sentences(meta, tables)), [])


def _compare_points(
    plan: Plan, spice: SpiceConfig, designs: Mapping[int, Design], out: Path, progress: Progress | None
) -> list[list[Compared]]:
    """Compares every chip of every point: ngspice on all cores, while the next chips are drawn."""
    lock = Lock()

    def advance(count: int) -> None:
        if progress:
            with lock:
                progress(count)

    advance(0)
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    pending: list[list[Future[Compared]]] = []
    waiting: deque[Future[Compared]] = deque()
    try:
        for number, point in enumerate(plan.points):
            work = _Work(
                designs[number], plan.seed, spice.inputs, ChipStore(out / CHUNKS / f"point_{number:05d}"), point
            )
            chips = [_submit(pool, work, sample, advance) for sample in range(plan.samples)]
            pending.append(chips)
            waiting.extend(chips)
            while waiting and waiting[0].done():
                waiting.popleft().result()  # what fails ends the run at once
        return [[chip.result() for chip in chips] for chips in pending]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclasses.dataclass(frozen=True, eq=False)
class _Work:
    """What the chips of one point share."""

    design: Design
    seed: int
    n_inputs: int
    store: ChipStore
    point: Point


def _submit(pool: ThreadPoolExecutor, work: _Work, sample: int, advance: Progress) -> "Future[Compared]":
    """Has one chip compared, unless that is done already; what compiles comes first, here, once for all chips."""
    kept = work.store.load(sample)
    if kept is not None:
        done: Future[Compared] = Future()
        done.set_result(kept)
        advance(1)
        return done
    chip = sample_chip(work.design, work.seed, sample)
    x = chip_inputs(work.design, chip, work.n_inputs, (work.seed, sample))
    return pool.submit(_compare, work, sample, effect(work.design, chip, x, work.seed, sample), advance)


def _compare(work: _Work, sample: int, moved: Effect, advance: Progress) -> Compared:
    try:
        chip = compare_chip(work.design, work.seed, sample, n_inputs=work.n_inputs)
    except InputError as error:
        raise error_at([work.point], error) from None
    compared = Compared(chip, moved.lsb, moved.clocks(chip))
    work.store.save(compared)
    advance(1)
    return compared


def _tables(plan: Plan, spice: SpiceConfig, compared: Sequence[Sequence[Compared]]) -> AgreementTables:
    tolerances = Tolerances(level_lsb=spice.tolerance_lsb, time_clocks=spice.tolerance_clocks)
    pairs = [(point_keys(point), chips) for point, chips in zip(plan.points, compared, strict=True)]
    return AgreementTables(
        points=pd.concat([point_frame(keys, chips, tolerances) for keys, chips in pairs], ignore_index=True),
        levels=pd.concat([level_frame(keys, chips) for keys, chips in pairs], ignore_index=True),
    )
