"""Layouts from which the search starts: the closed form, plain pulses, headroom, what lies between, more devices."""

import heapq
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from rampjax.circuit.curves import curve_at_uS
from rampjax.solver.problem import TOLERANCE, Limits, Problem, ramp_clocks
from rampjax.solver.settings import SolveSettings

_HEADROOMS = (0.05, 0.15, 0.3, 0.02, 0.1, 0.2, 0.45)  # of the largest conductance, in the order in which they are tried
_BETWEEN = (0.5, 0.25, 0.75)  # of the way, in the logarithm, from the shortest pulses to full clocks
_CURVE_POINTS = 9


@dataclass(frozen=True, eq=False)
class Start:
    """A layout to start from; widths need not be whole."""

    name: str
    charge_fC: float  # per unit of x
    grains: np.ndarray  # (K-1,)
    n_devices: np.ndarray  # (K-1,)


def make_starts(
    problem: Problem, limits: Limits, settings: SolveSettings, start: tuple[int, float], seed: int
) -> list[Start]:
    """At most `settings.starts` layouts, the closed form's pulses first; none where no charge meets the limits.

    Args:
        problem: what is designed.
        limits: of the problem.
        settings: freedom and number of starts.
        start: bias devices that make the start of the ramp, and their pulse, ns.
        seed: of the random ones.
    """
    n_bias, _ = start
    clocks = most_clocks(problem, settings, n_bias)
    found: list[list[Start]] = []
    for name, n_devices in _allocations(problem, limits, settings, n_bias):
        top_fC = feasible_charge(problem, limits, settings, start, n_devices)
        if top_fC is None:
            continue
        # Whole pulses and a smallest conductance leave gaps: a smaller charge need not be feasible too.
        family = [
            each
            for each in _family(limits, settings, n_devices, top_fC)
            if fits(limits, each.charge_fC, n_devices, clocks)
        ]
        found.append([replace(each, name=f"{name}, {each.name}") for each in family] if name else family)
    # One of each allocation of devices before the second of any.
    ranked = [each for rank in zip_longest(*found) for each in rank if each is not None]
    chosen = _distinct(ranked)[: settings.starts]
    return chosen + _random(chosen, limits, settings, seed)


def _distinct(starts: list[Start]) -> list[Start]:
    kept: dict[tuple, Start] = {}
    for start in starts:
        kept.setdefault((round(start.charge_fC, 12), start.grains.tobytes(), start.n_devices.tobytes()), start)
    return list(kept.values())


def _family(limits: Limits, settings: SolveSettings, n_devices: np.ndarray, top_fC: float) -> list[Start]:
    """Starts with the same devices; `top_fC` is the largest charge that is feasible."""
    free_width, free_scale = "pulse_width" in settings.free, "scale" in settings.free
    closed_fC = min(limits.closed_charge_fC, top_fC)
    if not fits(limits, closed_fC, n_devices, np.inf):
        closed_fC = top_fC
    charge_fC = top_fC if free_scale else closed_fC
    closed_grains = np.minimum(*limits.grains(limits.total_uS(closed_fC, n_devices)))
    starts = [Start("shortest pulses", closed_fC, closed_grains, n_devices)]
    if not free_width:
        shares = (0.0, *_HEADROOMS) if free_scale else ()
        return starts + [
            Start(f"{100 * share:.0f} % headroom", closed_fC * (1 - share), closed_grains, n_devices)
            for share in shares
        ]
    full = np.clip(limits.clock_grains, *limits.grains(limits.total_uS(closed_fC, n_devices)))
    starts.append(Start("full clocks", closed_fC, full, n_devices))
    low, high = limits.grains(limits.total_uS(charge_fC, n_devices))
    starts.append(Start("largest charge", charge_fC, np.minimum(low, high), n_devices))
    longest = np.minimum(np.maximum(low, limits.clock_grains), high)
    between = [
        Start(f"{100 * share:.0f} % towards full clocks", charge_fC, low ** (1 - share) * longest**share, n_devices)
        for share in _BETWEEN
    ]
    headrooms = []
    for headroom in _HEADROOMS:
        held_fC = charge_fC * (1 - headroom) if free_scale else charge_fC
        grains = np.minimum(*limits.grains(limits.total_uS(held_fC, n_devices), headroom))
        headrooms.append(Start(f"{100 * headroom:.0f} % headroom", held_fC, grains, n_devices))
    # Headroom and what lies between in turn: each helps against another kind of error.
    in_turn = [start for pair in zip_longest(headrooms, between) for start in pair if start is not None]
    return starts + in_turn


def _random(chosen: list[Start], limits: Limits, settings: SolveSettings, seed: int) -> list[Start]:
    """As many starts as are missing: widths drawn between the shortest and the longest, smooth along the column."""
    if not chosen or "pulse_width" not in settings.free:
        return []
    generator = np.random.Generator(np.random.PCG64(seed))
    added = []
    for number in range(settings.starts - len(chosen)):
        base = chosen[number % len(chosen)]
        low, high = limits.grains(limits.total_uS(base.charge_fC, base.n_devices))
        nodes = generator.uniform(0, 1, _CURVE_POINTS)
        share = np.interp(np.linspace(0, 1, len(low)), np.linspace(0, 1, _CURVE_POINTS), nodes)
        full = np.minimum(np.maximum(low, limits.clock_grains), high)
        name = f"random {number + 1}"
        added.append(Start(name, base.charge_fC, low ** (1 - share) * full**share, base.n_devices))
    return added


def most_clocks(problem: Problem, settings: SolveSettings, n_bias: int) -> float:
    """Clocks that the steps may take in all."""
    if settings.max_time_ns is None:
        return np.inf
    clocks = np.floor(settings.max_time_ns / problem.circuit.t_clk_ns * (1 + 1e-9))
    return float(clocks) - 2 - n_bias * problem.circuit.bias_clocks


def feasible_charge(
    problem: Problem,
    limits: Limits,
    settings: SolveSettings,
    start: tuple[int, float],
    n_devices: np.ndarray | None = None,
) -> float | None:
    """The largest charge per unit of x that steps and bias devices can make, with pulses that fit into the time.

    Args:
        problem: what is designed.
        limits: of the problem.
        settings: with a frozen scale the closed form's charge is the only one.
        start: bias devices and their pulse, ns.
        n_devices: (K-1,) devices of each step; None: one each.
    """
    n_devices = np.ones(len(limits.steps), int) if n_devices is None else n_devices
    clocks, closed_fC = most_clocks(problem, settings, start[0]), limits.closed_charge_fC
    most_fC = min(limits.largest_charge_fC(n_devices), start_charge_fC(limits, start)) * (1 + TOLERANCE)
    tried = most_fC * np.append(np.linspace(1.0, 0.3, 141), np.geomspace(0.3, 1e-3, 120)[1:])
    if "scale" not in settings.free:
        tried = np.array([closed_fC])
    for charge_fC in sorted({*tried.tolist(), closed_fC}, reverse=True):
        if charge_fC <= most_fC and fits(limits, charge_fC, n_devices, clocks):
            return float(charge_fC)
    return None


def start_charge_fC(limits: Limits, start: tuple[int, float]) -> float:
    """The charge per unit of x with which the bias devices just make the start; inf where there are none."""
    if start[0] == 0:
        return np.inf
    held_fC = start[0] * limits.device.g_max_uS * limits.device.v_read_V * start[1]
    return float(held_fC / abs(limits.column.thresholds[0]))


def fits(limits: Limits, charge_fC: float, n_devices: np.ndarray, clocks: float) -> bool:
    """Whether every step can make its charge, and the shortest pulses fit into so many clocks."""
    low, high = limits.grains(limits.total_uS(charge_fC, n_devices))
    return bool((low <= high).all() and np.maximum(np.ceil(low / limits.clock_grains), 1).sum() <= clocks)


def _allocations(
    problem: Problem, limits: Limits, settings: SolveSettings, n_bias: int
) -> list[tuple[str, np.ndarray]]:
    """Devices of each step: one each and, where devices are free, more where they help most."""
    ones = np.ones(len(limits.steps), int)
    if "devices" not in settings.free:
        return [("", ones)]
    budget = device_budget(problem, settings, len(ones), n_bias) // problem.calibration.n_redundant - n_bias
    return [
        ("", ones),
        ("more devices on the largest steps", _for_charge(limits, budget)),
        ("more devices where the error is largest", _for_error(problem, limits, budget)),
    ]


def device_budget(problem: Problem, settings: SolveSettings, n_steps: int, n_bias: int) -> int:
    """Most devices of all columns, with their starts."""
    if settings.max_devices is not None:
        return settings.max_devices
    more = 2 if {"devices", "redundant"} & set(settings.free) else 1
    return more * (n_steps + n_bias) * problem.calibration.n_redundant


def _for_charge(limits: Limits, budget: int) -> np.ndarray:
    """The largest charge per unit of x that the budget allows: largest steps are shared first."""
    relative = limits.steps / limits.steps.max()
    low, high = 1.0, float(budget)
    for _ in range(60):
        middle = 0.5 * (low + high)
        if np.ceil(relative * middle * (1 - 1e-9)).sum() <= budget:
            low = middle
        else:
            high = middle
    return np.asarray(np.maximum(np.ceil(relative * low * (1 - 1e-9)), 1), int)


def _for_error(problem: Problem, limits: Limits, budget: int) -> np.ndarray:
    """Every further device goes to the step whose relative error is largest as it stands."""
    curve, device = problem.device.sigma_prog_uS, problem.device
    n_devices = np.ones(len(limits.steps), int)
    aware = problem.calibration.ramp_aware

    def error(k: int, n: int) -> float:
        total_uS = limits.closed_charge_fC * limits.steps[k] / (limits.grain_fC_uS * n)
        grains = max(np.ceil(total_uS / device.g_max_uS * (1 - 1e-9)), limits.least_grains)
        g_uS = total_uS / grains
        if g_uS < device.g_min_uS:
            return np.inf
        sigma_uS = float(curve_at_uS(curve, g_uS))
        # Aimed at what remains, a step is off by its last device alone.
        return float(sigma_uS / g_uS / (n if aware else np.sqrt(n)))

    queue = [(-error(k, 1), k) for k in range(len(n_devices))]
    heapq.heapify(queue)
    for _ in range(budget - len(n_devices)):
        if not queue:
            break
        worst, k = heapq.heappop(queue)
        better = error(k, n_devices[k] + 1)
        if better < -worst:
            n_devices[k] += 1
            heapq.heappush(queue, (-better, k))
    return n_devices


def clocks_fit(grains: np.ndarray, problem: Problem, limits: Limits, settings: SolveSettings, n_bias: int) -> bool:
    """Whether a ramp with these pulses stays within the time allowed."""
    if settings.max_time_ns is None:
        return True
    clocks = ramp_clocks(grains, limits, problem.circuit, n_bias)
    return clocks * problem.circuit.t_clk_ns <= settings.max_time_ns * (1 + 1e-9)
