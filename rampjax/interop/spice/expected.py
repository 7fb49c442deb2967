"""What the model says of a chip that SPICE can be asked as well: held levels, decisions and codes.

A comparator sees the held staircase through the one pole of its pre-amplifier. A step whose overdrive is a in the end,
beginning with a lag M, is crossed tau_p ln(M/a) after it is held; regeneration from there reaches the swing v after
tau ln(v (tau + tau_p) / (a tau)), or earlier where the steps that follow add to it. Strobed: sampled at the end of each
clock, regenerated from what is seen then.
"""

from dataclasses import dataclass

import numpy as np

from rampjax.circuit.converter import Column
from rampjax.circuit.design import Design
from rampjax.interop.spice.circuit import SpiceCircuit

_EARLY = 2e-3  # clocks; a decision on an edge is not a late one


@dataclass(frozen=True, eq=False)
class Expected:
    """One chip by the model."""

    held_V: np.ndarray  # (level,) the staircase, in volts of the circuit
    t_decision_ns: np.ndarray  # (column,) NaN: never
    index: np.ndarray  # (column,) thresholds passed
    clear: np.ndarray  # (column,) further from every threshold than `clearance` local steps, and never undecided


def expected(design: Design, chip: Column, circuit: SpiceCircuit, clearance: float) -> Expected:
    """What the model says of one chip.

    Args:
        design: the design.
        chip: of `sample_chip`.
        circuit: of `spice_circuit`: the inputs, and when each level is held.
        clearance: in local steps.
    """
    held_V = (design.v_ramp_V + chip.ramp.held_V) * circuit.volts
    thresholds = chip.thresholds
    nearest = np.abs(circuit.x[:, None] - thresholds) / local_steps(design.target.thresholds)
    seen_V = held_V + circuit.offset_V
    lag_V, remains_V = _preamp_lags_V(circuit, held_V)  # of steps: the same for every input
    over_V = [seen_V - mac_V for mac_V in circuit.mac_V]
    if circuit.kind == "strobed":
        sampled_V = [each - remains_V for each in over_V]
        times_ns = [_strobed_ns(circuit, each) for each in sampled_V]
        decided = np.array([not _undecided(circuit, each) for each in sampled_V])
    else:
        times_ns = [_continuous_ns(circuit, each, lag_V) for each in over_V]
        decided = np.ones(len(over_V), bool)
    return Expected(
        held_V=held_V,
        t_decision_ns=np.array(times_ns),
        # As `convert` does: a threshold itself belongs to the bin above it.
        index=(circuit.x[:, None] >= thresholds).sum(axis=1),
        clear=(nearest.min(axis=1) > clearance) & decided,
    )


def local_steps(levels: np.ndarray) -> np.ndarray:
    """The smaller one of the steps beside each level."""
    steps = np.abs(np.diff(levels))
    if not steps.size:
        return np.ones(len(levels))
    return np.asarray(np.minimum(np.append(steps, steps[-1]), np.insert(steps, 0, steps[0])))


def _strobed_ns(c: SpiceCircuit, sampled_V: np.ndarray) -> float:
    """When a strobed comparator flips, NaN for never; `sampled_V` is what it sees at the end of each level."""
    above = np.flatnonzero(sampled_V > 0)
    if not above.size:
        return float("nan")
    first, tau = above[0], c.tau_latch_ns
    latched_ns = max(tau * np.log(c.v_logic_V / sampled_V[first]), 0.0) if tau else 0.0
    return float(c.strobes_ns[first] + latched_ns + c.t_delay_ns)


def _continuous_ns(c: SpiceCircuit, over_V: np.ndarray, lag_V: np.ndarray) -> float:
    """When a comparator in continuous time flips, NaN for never; `over_V` is the overdrive when each level is held."""
    above = np.flatnonzero(over_V > 0)
    if not above.size:
        return float("nan")
    first, tau, tau_p = above[0], c.tau_latch_ns, c.tau_preamp_ns
    first, crossed_ns = _crossing(c, over_V, lag_V, first)
    if not tau:
        return float(crossed_ns + c.t_delay_ns)
    a, lag = over_V[first], lag_V[first]
    share = tau / (tau + tau_p)
    latch_V = a * share if lag > a else a - (1 - share) * max(lag, 0.0)
    return float(_latched_ns(c, over_V, first, crossed_ns, latch_V, share) + c.t_delay_ns)


def _crossing(c: SpiceCircuit, over_V: np.ndarray, lag_V: np.ndarray, first: int) -> tuple[int, float]:
    """The level during which the pre-amplifier's output crosses the input, and when."""
    for k in range(first, len(over_V)):
        crossed_ns = float(c.edges_ns[k])
        if c.tau_preamp_ns:
            crossed_ns += c.tau_preamp_ns * float(np.log(max(lag_V[k] / over_V[k], 1.0))) if over_V[k] > 0 else np.inf
        if k + 1 == len(over_V) or crossed_ns <= c.edges_ns[k + 1]:
            break
    return k, crossed_ns


def _latched_ns(
    c: SpiceCircuit, over_V: np.ndarray, first: int, crossed_ns: float, latch_V: float, share: float
) -> float:
    """When a latch that begins at `latch_V` has the swing, level by level: each adds its share to it."""
    tau, now_ns = c.tau_latch_ns, crossed_ns
    for k in range(first + 1, len(over_V)):
        decided_ns = now_ns + max(tau * np.log(c.v_logic_V / latch_V), 0.0)
        if decided_ns <= c.edges_ns[k]:
            return float(decided_ns)
        latch_V = latch_V * np.exp((c.edges_ns[k] - now_ns) / tau) + share * (over_V[k] - over_V[k - 1])
        now_ns = float(c.edges_ns[k])
    return float(now_ns + max(tau * np.log(c.v_logic_V / latch_V), 0.0))


def _undecided(c: SpiceCircuit, sampled_V: np.ndarray) -> bool:
    """Whether a strobed latch meets an overdrive too small for the clock that it has: its code is then chance."""
    if not c.tau_latch_ns:
        return False
    return bool((np.abs(sampled_V) < c.v_logic_V * np.exp(-(c.t_clk_ns - c.t_delay_ns) / c.tau_latch_ns)).any())


def _preamp_lags_V(c: SpiceCircuit, held_V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the pre-amplifier is behind when each level is held, and at its end; it had settled to the first one."""
    lag_V, remains_V = np.zeros(len(held_V)), np.zeros(len(held_V))
    if c.tau_preamp_ns:
        left = np.exp(-np.append(np.diff(c.edges_ns), c.t_clk_ns) / c.tau_preamp_ns)
        for k in range(1, len(held_V)):
            lag_V[k] = remains_V[k - 1] + held_V[k] - held_V[k - 1]
            remains_V[k] = lag_V[k] * left[k]
    return lag_V, remains_V


def index_at(design: Design, c: SpiceCircuit, t_ns: np.ndarray) -> np.ndarray:
    """(column,) thresholds that the counter has passed when each comparator flips (NaN: never).

    The counter steps with the ramp; it starts `n_removed` clocks later, and goes on after the last step.
    """
    n = len(c.edges_ns)
    if c.kind == "strobed":
        passed = np.searchsorted(c.strobes_ns - _EARLY * c.t_clk_ns, t_ns) - 1
    else:
        late_ns = c.edges_ns[-1] + c.t_clk_ns * np.arange(1, c.n_removed + 1)
        counts_ns = np.append(c.edges_ns, late_ns)
        passed = np.searchsorted(counts_ns + _EARLY * c.t_clk_ns, t_ns) - c.n_removed
    passed = np.where(np.isnan(t_ns), n, np.clip(passed, 0, n))
    # Of a column run at fewer bits only some levels are thresholds.
    return np.asarray((design.level_of[None, :] < passed[:, None]).sum(axis=1))
