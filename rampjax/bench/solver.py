"""The solver against `scipy.optimize.minimize(method="L-BFGS-B")` on the same problems, as ratios in one run.

The problems are torn: jitter and injected charge ask for long pulses, programming error and read noise for short ones,
and the expected worst INL plus the noise weighs them. Rivals start from the closed form and minimise the same relaxed
objective on as many chips, which stay the same: L-BFGS-B wants a function, not samples of one. What each has found is
judged alike: pulse widths rounded to whole grains, on chips that nobody has seen. A rival has arrived when it is within
1 % of what the solver found; one that stops before is listed with its time and with how far it came. Of a batch the
rivals solve some problems, one after the other, and their time is multiplied. Compiling is in no time but the solver's
first call and its batch.
"""

import dataclasses
import itertools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from rampjax.bench.contender import Advance
from rampjax.bench.relaxed import WITHIN, Race, Relaxed, race
from rampjax.bench.run import machine
from rampjax.checks import InputError, check_between, check_integer
from rampjax.circuit.blocks import Circuit, Ramp
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.device import Device
from rampjax.config.build import build_device
from rampjax.config.devices import DEFAULT_DEVICE, load_device
from rampjax.solver.problem import Problem
from rampjax.solver.settings import SolveSettings
from rampjax.solver.solve import solve, solve_batch
from rampjax.target.arithmetic import model_arithmetic
from rampjax.target.functions import as_function
from rampjax.target.target import make_target

MIN_BITS, MAX_BITS, MAX_DESIGNS = 3, 10, 100_000
GRADIENT, DIFFERENCES = "L-BFGS-B with our gradient", "L-BFGS-B with finite differences"
_RIVALS = {GRADIENT: True, DIFFERENCES: False}
_FUNCTIONS = ("sigmoid", "tanh", "gelu", "silu", "softplus", "sin", "mish", "exp", "x*sigmoid(1.7*x)", "x**3")
_BATCH_BITS, _SIGMAS_UW, _LARGEST_UW = (3, 4), (1.0, 1.5, 2.0, 2.67, 4.0), (60.0, 90.0, 120.0, 150.0, 200.0)
_SAMPLED = 10  # problems of the batch that rivals solve
_SEED = 1
_TORN = Circuit(pulse_grid=16, ramp=Ramp(q_inj_fC=0.1, sigma_q_inj_fC=0.03, sigma_tap_ns=5e-3, sigma_jitter_ns=0.02))
_EFFORT = SolveSettings(objective="max_inl", noise_weight=1.0)


@dataclass(frozen=True)
class Work:
    """How much a benchmark of the solver does.

    Attributes:
        bits: of the one design, a sigmoid.
        n_designs: of the batch: functions, bits, programming errors and largest conductances, in turn.
        seconds: that a rival may take for the one design, and for all of its sampled ones.
        single: the solver's effort for the one design.
        batch: its effort for each design of the batch.
    """

    bits: int = 8
    n_designs: int = 1000
    seconds: float = 60.0
    single: SolveSettings = _EFFORT
    batch: SolveSettings = dataclasses.replace(_EFFORT, starts=2, iterations=100, chips=32, fresh_chips=512)


@model_arithmetic()
def run_solver_bench(work: Work = Work(), advance: Advance = lambda done, total, text: None) -> dict[str, Any]:
    """Times the solver and its rivals, and returns a flat record of numbers, strings and lists.

    Args:
        work: how much to do.
        advance: called with steps done, steps in all, and what comes next.

    Raises:
        InputError: bits or a number of designs out of range, or seconds that are not positive.
    """
    check_solver_bench(work)
    steps = iter(range(100))

    def say(text: str) -> None:
        advance(next(steps), 2 + 2 * len(_RIVALS), text)

    say(f"the solver, one design of {work.bits} bits")
    record = {**machine(), "solver_bits": work.bits, "solver_seconds": float(work.seconds), "solver_within": WITHIN}
    record |= _single(work, say)
    say(f"the solver, {work.n_designs} designs")
    record |= _batch(work, say)
    say("done")
    return record


def check_solver_bench(work: Work) -> None:
    """Raises InputError unless the work can be done."""
    for name, value, low, high in (
        ("bits", work.bits, MIN_BITS, MAX_BITS),
        ("designs", work.n_designs, 1, MAX_DESIGNS),
    ):
        check_integer(name, value)
        check_between(name, value, low, high)
    if not 0 < work.seconds < float("inf"):
        raise InputError(f"`seconds` must be a positive number, but is {work.seconds:g}.")


def _single(work: Work, say: Any) -> dict[str, Any]:
    asked = _problem("sigmoid", work.bits, _device())
    first_s, _ = _timed(lambda: solve(asked, work.single, seed=_SEED))
    ours_s, solution = _timed(lambda: solve(asked, work.single, seed=_SEED + 1))
    relaxed = Relaxed(asked, work.single, _SEED)
    ours_lsb = relaxed.judge(solution.design)
    races = {}
    for name, with_gradient in _RIVALS.items():
        say(f"{name}, one design")
        races[name] = race(relaxed, ours_lsb, work.seconds, with_gradient)
    n_unknowns = len(relaxed.start)
    spent, extrapolated = _spent(races, n_unknowns)
    return {
        "solver_single_s": _figures(ours_s),
        "solver_single_first_call_s": _figures(first_s),
        "solver_single_lsb": _figures(ours_lsb),
        "solver_single_unknowns": n_unknowns,
        "solver_rival_names": list(races),
        "solver_rival_s": [_figures(each) for each in spent],
        "solver_rival_extrapolated": extrapolated,
        "solver_rival_arrived": [int(each.arrived) for each in races.values()],
        "solver_rival_measured_s": [_figures(each.spent_s) for each in races.values()],
        "solver_rival_lsb": [_figures(each.judged_lsb) for each in races.values()],
        "solver_rival_evaluations": [each.n_values for each in races.values()],
        "solver_rival_stopped": [each.stopped for each in races.values()],
        "solver_single_vs_rival": [_figures(each / ours_s) for each in spent],
    }


def _spent(races: dict[str, Race], n_unknowns: int) -> tuple[list[float], list[int]]:
    """Seconds of each rival; those of unfinished finite differences from what the gradient's evaluations would cost.

    A gradient by forward differences takes one evaluation of the objective per unknown, and one more.
    """
    spent, extrapolated = [each.spent_s for each in races.values()], [0] * len(races)
    guided, blind = races[GRADIENT], races[DIFFERENCES]
    if blind.stopped == "out of time":
        needed_s = guided.n_values * (n_unknowns + 1) * blind.value_s
        if needed_s > blind.spent_s:
            spent[1], extrapolated[1] = needed_s, 1
    return spent, extrapolated


def _batch(work: Work, say: Any) -> dict[str, Any]:
    problems = batch_problems(work.n_designs)
    ours_s, solutions = _timed(lambda: solve_batch(problems, work.batch, seed=_SEED))
    chosen = np.unique(np.linspace(0, len(problems) - 1, _SAMPLED).astype(int))
    record: dict[str, Any] = {
        "solver_batch_designs": len(problems),
        "solver_batch_s": _figures(ours_s),
        "solver_batch_designs_per_s": _figures(len(problems) / ours_s),
        "solver_batch_sampled": len(chosen),
    }
    rows: dict[str, list[Any]] = {"s": [], "arrived": [], "extrapolated": [], "vs_rival": []}
    relaxed = [Relaxed(problems[i], work.batch, _SEED) for i in chosen]
    goals = [each.judge(solutions[i].design) for each, i in zip(relaxed, chosen, strict=True)]
    raced: dict[str, list[Race]] = {}
    for name, with_gradient in _RIVALS.items():
        say(f"{name}, {len(chosen)} of {len(problems)} designs")
        raced[name] = [
            race(each, goal, work.seconds / len(chosen), with_gradient)
            for each, goal in zip(relaxed, goals, strict=True)
        ]
    for i, name in enumerate(raced):
        pairs = [dict(zip(raced, pair, strict=True)) for pair in zip(*raced.values(), strict=True)]
        each_s = [_spent(pair, len(one.start)) for pair, one in zip(pairs, relaxed, strict=True)]
        total_s = float(np.mean([seconds[i] for seconds, _ in each_s])) * len(problems)
        rows["s"].append(_figures(total_s))
        rows["arrived"].append(sum(one.arrived for one in raced[name]))
        rows["extrapolated"].append(sum(flags[i] for _, flags in each_s))
        rows["vs_rival"].append(_figures(total_s / ours_s))
    return record | {f"solver_batch_rival_{key}": values for key, values in rows.items()}


def batch_problems(n: int) -> list[Problem]:
    """So many different problems: functions, bits, programming errors and largest conductances, in turn."""
    kinds = itertools.cycle(itertools.product(_BATCH_BITS, _SIGMAS_UW, _LARGEST_UW, _FUNCTIONS))
    targets: dict[tuple[str, int], Any] = {}
    problems = []
    for number, (bits, sigma_uS, g_max_uS, function) in enumerate(itertools.islice(kinds, n)):
        again = number // (len(_BATCH_BITS) * len(_SIGMAS_UW) * len(_LARGEST_UW) * len(_FUNCTIONS))
        device = dataclasses.replace(
            _device(), sigma_prog_uS=(sigma_uS * (1 + 0.05 * again),), g_max_uS=g_max_uS, write=None
        )
        if (function, bits) not in targets:
            targets[function, bits] = make_target(as_function(function), bits)
        problems.append(_problem(function, bits, device, targets[function, bits]))
    return problems


def _device() -> Device:
    return build_device(load_device(DEFAULT_DEVICE))


def _problem(function: str, bits: int, device: Device, target: Any = None) -> Problem:
    target = target or make_target(as_function(function), bits)
    return Problem(target, device, _TORN, parse_calibration("ramp_aware"))


def _timed(do: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = do()
    return time.perf_counter() - start, result


def _figures(value: float) -> float:
    return float(f"{value:.4g}")
