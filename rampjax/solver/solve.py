"""The inverse solver: from a function and what varies to the layout that survives it.

Conductances are always sought; pulse widths, scale, levels, devices per step, bias devices of the start and redundant
columns where they are free. The closed form is one start among several; all starts of all problems descend side by
side in one compiled kernel, and what they reach is compared on chips that no descent has seen. What is returned is
never worse there than the closed form.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rampjax.circuit.design import Design
from rampjax.montecarlo.engine import check_numbers
from rampjax.solver.descent import HELD
from rampjax.solver.infeasible import refusal
from rampjax.solver.prepare import Prepared, prepare
from rampjax.solver.problem import Problem
from rampjax.solver.score import Scores, measure_chips, scores_of
from rampjax.solver.search import SEGMENTS, Candidate, best, descend
from rampjax.solver.settings import SolveSettings, check_settings
from rampjax.target.arithmetic import model_arithmetic
from rampjax.target.arrays import TargetArrays

__all__ = ["Problem", "Scores", "Solution", "SolveSettings", "solve", "solve_batch", "solve_steps"]

CLOSED_FORM = "closed form"
_TELLING = 0.05  # relative difference that the last iterations must be able to tell
_LEAST_LAST = 16  # of them
_STEADY = 0.01  # a descent has converged when its last tenths differ by less, relative


@dataclass(frozen=True, eq=False)
class Solution:
    """A solved design, beside the closed form, both on the same fresh chips."""

    design: Design
    closed_form: Design | None  # None: it cannot be met
    scores: Scores
    closed_form_scores: Scores | None
    converged: bool
    iterations: int
    history: np.ndarray  # (iteration,) the smoothed objective along the descent that won
    start: str  # where that descent began
    closed_form_problem: str = ""  # why there is no closed form
    levels_compared: Mapping[str, float] = field(default_factory=dict)  # ideal rms error, LSB, by scheme
    notes: tuple[str, ...] = ()


def solve(
    problem: Problem, settings: SolveSettings, *, seed: int, progress: Callable[[int], None] | None = None
) -> Solution:
    """Solves one problem; see `solve_batch`."""
    return solve_batch([problem], settings, seed=seed, progress=progress)[0]


def solve_steps(settings: SolveSettings, n_problems: int = 1) -> int:
    """How many steps `progress` will count."""
    return n_problems * (SEGMENTS + 2)


@model_arithmetic()
def solve_batch(
    problems: Sequence[Problem],
    settings: SolveSettings,
    *,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> list[Solution]:
    """Solves many problems side by side: functions, bits, devices, errors, all that is data to one compiled kernel.

    Problems whose columns have the same static structure (kinds of calibration and of non-idealities) share it.

    Args:
        problems: what is to be designed.
        settings: freedom, objective, effort.
        seed: of every random number; the same seed gives the same designs.
        progress: called with the number of steps just done, of `solve_steps`.

    Returns:
        A solution per problem, in their order.

    Raises:
        InputError: settings or a problem that contradict themselves, or a problem that no layout meets: what binds, and
            the nearest specification that one would meet.
    """
    check_settings(settings)
    check_numbers(1, seed)
    prepared = [prepare(problem, settings, seed, number) for number, problem in enumerate(problems)]
    if progress:
        progress(len(problems))
    ends = descend(prepared, settings, progress)
    candidates = [best(each, end, settings) for each, end in zip(prepared, ends, strict=True)]
    solutions = _score(prepared, candidates, settings, seed)
    if progress:
        progress(len(problems))
    return solutions


def _score(
    prepared: list[Prepared], candidates: list[Candidate | None], settings: SolveSettings, seed: int
) -> list[Solution]:
    """Scores candidates and closed forms on the same fresh chips."""
    scored: list[tuple[Design, TargetArrays]] = []
    for each, candidate in zip(prepared, candidates, strict=True):
        if candidate is not None:
            scored.append((candidate.design, each.arrays))
        if each.closed_form is not None:
            scored.append(each.closed_form)
    designs, arrays = zip(*scored, strict=True) if scored else ((), ())
    measured = iter(measure_chips(designs, arrays, settings.fresh_chips, seed))
    solutions = []
    for each, candidate in zip(prepared, candidates, strict=True):
        own = closed = None
        if candidate is not None:
            own = candidate, scores_of(next(measured), settings, candidate.design.target.lsb)
        if each.closed_form is not None:
            closed = scores_of(next(measured), settings, each.closed_form[0].target.lsb)
        solutions.append(_solution(each, own, closed, settings))
    return solutions


def _solution(
    each: Prepared, own: tuple[Candidate, Scores] | None, closed: Scores | None, settings: SolveSettings
) -> Solution:
    notes = list(each.choice.notes)
    history = own[0].history if own is not None else np.zeros(0)
    closed_form = each.closed_form[0] if each.closed_form is not None else None
    if closed_form is not None and closed is not None and (own is None or not own[1].better_than(closed, settings)):
        notes.append("The search found nothing better than the closed form.")
        design, scores, start = closed_form, closed, CLOSED_FORM
    elif own is not None:
        design, scores, start = own[0].design, own[1], own[0].start
    else:
        raise refusal(each.problem, each.limits, settings, each.bias)
    return Solution(
        design=design,
        closed_form=closed_form,
        scores=scores,
        closed_form_scores=closed,
        converged=_settled(history),
        iterations=len(history),
        history=history,
        start=start,
        closed_form_problem=each.closed_form_problem,
        levels_compared=each.choice.levels_compared,
        notes=tuple(notes),
    )


def _settled(history: np.ndarray) -> bool:
    """Whether the descent has converged: of its last part, after which nothing is sharpened, both halves agree.

    Within a hundredth, or within twice the standard error of their difference, since every iteration has other chips;
    where so few or so noisy iterations could not tell, it has not.
    """
    last = history[int(np.ceil(HELD * len(history))) :]
    if len(last) < _LEAST_LAST or not np.isfinite(last).all():
        return False
    first, second = last[: len(last) // 2], last[len(last) // 2 :]
    error = np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    if 2 * error > _TELLING * abs(first.mean()):
        return False
    return bool(abs(first.mean() - second.mean()) <= max(_STEADY * abs(first.mean()), 2 * error))
