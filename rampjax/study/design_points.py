"""The designs of a study's points: closed forms at once, solved ones in batches that are kept in the study's folder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.build import build_design, build_problem
from rampjax.config.design_checks import read_json
from rampjax.config.design_file import design_record, rebuild_design
from rampjax.config.points import Point
from rampjax.config.solve_section import SolveConfig
from rampjax.config.study_file import StudyPoint
from rampjax.report.tables import write_whole
from rampjax.solver.problem import Problem
from rampjax.solver.settings import SolveSettings
from rampjax.study.folder import CHUNKS, to_json
from rampjax.study.plan import Plan

Progress = Callable[[int], None]
Solving = Callable[[int], AbstractContextManager[Progress]]  # shows how many of so many steps of the solver are done
Built = TypeVar("Built")

DESIGNS: Final = "designs"  # in the folder of chunks
_MOST_AT_ONCE: Final = 48  # problems of a batch, which is what a kill may lose


@dataclass(frozen=True)
class Solved:
    """The solved designs of a study, by the number of their point, and at which points the search did not converge."""

    designs: Mapping[int, Design]
    open_points: frozenset[int] = frozenset()


def is_solved(point: Point) -> bool:
    """Says whether a point's design is the solver's; every other one has a closed form."""
    return isinstance(point, StudyPoint) and point.method == "solved"


def closed_designs(points: Sequence[Point]) -> dict[int, Design]:
    """Returns the designs that have a closed form, by the number of their point.

    Raises:
        InputError: a design that cannot be met, naming its point.
    """
    return {number: _at(point, build_design) for number, point in enumerate(points) if not is_solved(point)}


def solve_problems(points: Sequence[Point]) -> dict[int, Problem]:
    """Returns what the solver is asked, by the number of the point.

    Raises:
        InputError: a function that cannot be converted, naming its point.
    """
    return {number: _at(point, build_problem) for number, point in enumerate(points) if is_solved(point)}


def solve_plan(plan: Plan, problems: Mapping[int, Problem], out: Path, solving: Solving | None) -> Solved:
    """Returns the solver's designs of a plan, which are kept in the folder of its run; none where no point is solved.

    Args:
        plan: the plan.
        problems: of `solve_problems`.
        out: the folder of the run.
        solving: shows progress.

    Raises:
        InputError: a design that cannot be met, naming its point.
    """
    return solve_designs(plan.points, problems, plan.seed, out / CHUNKS / DESIGNS, solving) if problems else Solved({})


def solve_designs(
    points: Sequence[Point],
    problems: Mapping[int, Problem],
    seed: int,
    folder: Path,
    solving: Solving | None = None,
) -> Solved:
    """Returns the solver's designs; those of a batch that is whole in the folder are read from there.

    A batch is solved whole or not at all, so that a run that continues has the designs of one in one go.

    Args:
        points: all points of the study; the solved ones say what the solver may change, minimises, and how long.
        problems: what is asked at some of them.
        seed: of the study.
        folder: where the designs are kept.
        solving: shows progress.

    Raises:
        InputError: a design that cannot be met, naming its point.
    """
    from rampjax.solver.solve import solve_batch, solve_steps  # brings optax, which closed forms do without

    batches = list(_batches(points, problems))
    kept = {number: found for batch in batches for number, found in _read_batch(folder, batch).items()}
    missing = [batch for batch in batches if batch[0] not in kept]
    steps = sum(solve_steps(_settings(points[batch[0]]), len(batch)) for batch in missing)
    with solving(steps) if solving and missing else nullcontext() as progress:
        for batch in missing:
            try:
                settings = _settings(points[batch[0]])
                solutions = solve_batch([problems[i] for i in batch], settings, seed=seed, progress=progress)
            except InputError as error:  # the sentence names function, bits and device
                raise error_at([points[i] for i in batch], error) from None
            for number, solution in zip(batch, solutions, strict=True):
                record = {**design_record(solution.design), "converged": solution.converged}
                write_whole(_path(folder, number), to_json(record))
            # Read back even so, refusals and all: a run in one go has the designs of one that continues.
            kept |= {number: _read(_path(folder, number)) for number in batch}
    designs = {number: design for number, (design, _) in kept.items()}
    return Solved(designs, frozenset(number for number, (_, converged) in kept.items() if not converged))


def _settings(point: Point) -> SolveSettings:
    """Returns what the solver is told at a solved point."""
    solve = point.solve if isinstance(point, StudyPoint) else None
    return (solve or SolveConfig()).settings()


def _batches(points: Sequence[Point], problems: Mapping[int, Problem]) -> Iterator[list[int]]:
    """Yields the numbers of the points that are solved together: of one resolution, one circuit, and told the same."""
    circuits = {point.circuit: order for order, point in reversed(list(enumerate(points)))}
    told = {_settings(points[number]): number for number in sorted(problems, reverse=True)}

    def kind(number: int) -> tuple[int, str, int, int]:
        point = points[number]
        return point.column_bits or point.bits, point.calibration, circuits[point.circuit], told[_settings(point)]

    for _, numbers in groupby(sorted(problems, key=lambda number: (kind(number), number)), key=kind):
        alike = list(numbers)
        n_batches = -(-len(alike) // _MOST_AT_ONCE)
        yield from (alike[i::n_batches] for i in range(n_batches))


def _path(folder: Path, number: int) -> Path:
    return folder / f"point_{number:05d}.json"


def _read_batch(folder: Path, batch: Sequence[int]) -> dict[int, tuple[Design, bool]]:
    """Returns designs and whether each search converged; none where one of the batch is not there, or not whole."""
    try:
        return {number: _read(_path(folder, number)) for number in batch}
    except InputError:
        return {}


def _read(path: Path) -> tuple[Design, bool]:
    record = read_json(path)
    return rebuild_design(record, str(path)).design, bool(record.get("converged"))


def _at(point: Point, build: Callable[[Point], Built]) -> Built:
    """Builds something of a point; its error begins with the point at which it is met."""
    try:
        return build(point)
    except InputError as error:
        raise error_at([point], error) from None


def error_at(points: Sequence[Point], error: InputError) -> InputError:
    """Returns an error that begins with what its points have in common."""
    shared = set.intersection(*(set(point.labels.items()) for point in points))
    labels = ", ".join(f"{key} = {value}" for key, value in points[0].labels.items() if (key, value) in shared)
    return InputError(f"At {labels}: {error}" if labels else str(error))
