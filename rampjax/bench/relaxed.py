"""The solver's relaxed objective as `scipy.optimize` sees it, and what L-BFGS-B makes of it in a given time."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Key
from scipy import optimize

from rampjax.circuit.closed_form import design_closed_form
from rampjax.circuit.design import Design
from rampjax.circuit.structure import ColumnStructure
from rampjax.montecarlo.keys import seeded_key
from rampjax.solver.descent import Lane
from rampjax.solver.lanes import start_lane, structure_of
from rampjax.solver.objective import Sharpness, loss
from rampjax.solver.problem import Problem, limits_of
from rampjax.solver.settings import SolveSettings
from rampjax.solver.starts import Start
from rampjax.solver.unknowns import Unknowns
from rampjax.target.arrays import target_arrays

WITHIN = 1.01  # of what the solver found: there a rival has arrived
JUDGED_CHIPS = 512
_POWER, _WIDTH = 32.0, 0.1  # how sharp the solver's own objective ends

Kernel = Callable[..., Any]


class Race(NamedTuple):
    """What a rival did."""

    arrived: bool
    spent_s: float  # until it arrived or stopped
    judged_lsb: float  # what it then had, judged as the solver's result is
    n_values: int  # evaluations of the objective by then, those of finite differences counted
    value_s: float  # of one of them, about, its share of a gradient included
    stopped: str


class Relaxed:
    """The relaxed objective of one problem: what rivals minimise and, with whole grains and other chips, the judge."""

    def __init__(self, problem: Problem, settings: SolveSettings, seed: int) -> None:
        closed = design_closed_form(problem.target, problem.device, problem.circuit, problem.calibration)
        limits = limits_of(problem, settings.max_clocks)
        grains = np.rint(closed.t_pulse_ns * (problem.circuit.pulse_grid / problem.circuit.t_clk_ns))
        start = Start("closed form", limits.closed_charge_fC, grains, closed.n_devices)
        seen, judged = jax.random.split(seeded_key(seed))
        arrays = target_arrays(problem.target)
        self.lane = start_lane(start, closed, arrays, problem, limits, settings, (seen, judged))
        flat, self._restore = ravel_pytree(self.lane.unknowns)
        self._flat, self._free = np.asarray(flat), _free(self.lane, len(grains))
        self._value, self._slope = _compile(structure_of([closed], settings), settings.objective, settings.quantile)
        self._seen, self._judged = (
            jax.random.split(each, n) for each, n in zip((seen, judged), (settings.chips, JUDGED_CHIPS), strict=True)
        )

    @property
    def start(self) -> np.ndarray:
        """The free unknowns of the closed form."""
        return np.asarray(self._flat[self._free], np.float64)

    def value(self, free: np.ndarray) -> float:
        """The objective where the free unknowns are these."""
        return float(self._value(self._unknowns(free), self._seen, self.lane, jnp.float32(0)))

    def slope(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        """The objective and its gradient."""
        value, slope = self._slope(self._unknowns(free), self._seen, self.lane, jnp.float32(0))
        return float(value), np.asarray(ravel_pytree(slope)[0], np.float64)[self._free]

    def judge(self, found: np.ndarray | Design) -> float:
        """The objective with whole grains, on chips that no rival sees."""
        unknowns = self._of_design(found) if isinstance(found, Design) else self._unknowns(found)
        return float(self._value(unknowns, self._judged, self.lane, jnp.float32(1)))

    def _unknowns(self, free: np.ndarray) -> Unknowns:
        flat = self._flat.copy()
        flat[self._free] = free
        unknowns: Unknowns = self._restore(jnp.asarray(flat))
        return unknowns

    def _of_design(self, design: Design) -> Unknowns:
        n = len(design.t_pulse_ns)
        grains = design.t_pulse_ns * (design.circuit.pulse_grid / design.circuit.t_clk_ns)
        local = np.asarray(self.lane.frame.local, np.float64)[: n + 1]
        blank = self.lane.unknowns
        return Unknowns(
            log_charge=jnp.float32(np.log(design.scale_V * design.c_int_fF)),
            log_grains=blank.log_grains.at[:n].set(np.log(grains)),
            shift=blank.shift.at[: n + 1].set((design.aim_x - design.column.thresholds) / local),
        )


def _free(lane: Lane, n_steps: int) -> np.ndarray:
    """Which of the unknowns, in a row, are free and no padding."""
    steps, levels = (np.arange(len(each)) for each in (lane.unknowns.log_grains, lane.unknowns.shift))
    charge = np.array([bool(lane.frame.free_charge)])
    return np.concatenate([charge, (steps < n_steps) & bool(lane.frame.free_grains), levels <= n_steps])


@functools.lru_cache(maxsize=64)
def _compile(structure: ColumnStructure, objective: str, quantile: float) -> tuple[Kernel, Kernel]:
    def value(unknowns: Unknowns, keys: Key[Array, " chip"], lane: Lane, rounding: Array) -> Array:
        sharp = Sharpness(jnp.float32(_POWER), jnp.float32(_WIDTH), rounding)
        return loss(unknowns, keys, lane.frame, lane.base, lane.aim, sharp, objective, 1 - quantile, structure)

    return jax.jit(value), jax.jit(jax.value_and_grad(value))


class _TimeIsUpError(Exception):
    """Stops scipy between two evaluations."""


def race(relaxed: Relaxed, goal_lsb: float, seconds: float, with_gradient: bool) -> Race:
    """Lets L-BFGS-B minimise, and judges where it was after each of its iterations; judging is not timed.

    Args:
        relaxed: the problem.
        goal_lsb: what the solver found, judged alike.
        seconds: after which the rival is stopped.
        with_gradient: whether it is given our gradient, or takes finite differences.
    """
    evaluate: Callable[[np.ndarray], Any] = relaxed.slope if with_gradient else relaxed.value
    evaluate(relaxed.start)  # compiles
    points: list[tuple[float, int, np.ndarray]] = []
    n_values, began = 0, time.perf_counter()

    def timed(free: np.ndarray) -> Any:
        nonlocal n_values
        if time.perf_counter() - began > seconds:
            raise _TimeIsUpError
        n_values += 1
        return evaluate(free)

    def note(free: np.ndarray) -> None:
        points.append((time.perf_counter() - began, n_values, free.copy()))

    note(relaxed.start)
    try:
        # The step of differences lies well above the grain of single precision.
        options = {"maxfun": 10**9} if with_gradient else {"maxfun": 10**9, "eps": 1e-3}
        minimize: Any = optimize.minimize
        done = minimize(timed, relaxed.start, jac=with_gradient, method="L-BFGS-B", callback=note, options=options)
        stopped = str(done.message)
    except _TimeIsUpError:
        stopped = "out of time"
    spent_s = time.perf_counter() - began
    judged = [relaxed.judge(free) for _, _, free in points]
    value_s = spent_s / max(n_values, 1)
    for (at_s, values, _), lsb in zip(points, judged, strict=True):
        if lsb <= WITHIN * goal_lsb:
            return Race(True, max(at_s, 1e-9), lsb, values, value_s, "arrived")
    return Race(False, spent_s, min(judged), n_values, value_s, stopped)
