"""Chips per second against ngspice on the same circuit: every static error of the ramp, finite gain, settling, wires.

Both sides have the same chips, drawn by the engine. ngspice runs a netlist of one chip with one input in a process of
its own, as many at a time as there are cores; its tolerances are those at which the levels are compared, far below its
defaults. The engine simulates all chips in one compiled kernel, to the worst error over all thresholds. How far their
levels are apart is measured in the same run.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from rampjax.bench.contender import Advance, Contender, time_contenders
from rampjax.bench.cores import count_cores
from rampjax.bench.run import check_bench, machine
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.config.build import build_design
from rampjax.config.points import point_from_options
from rampjax.interop.spice.circuit import spice_circuit
from rampjax.interop.spice.compare import CLEARANCE
from rampjax.interop.spice.expected import expected, local_steps
from rampjax.interop.spice.netlist import LEVEL, netlist
from rampjax.interop.spice.ngspice import run_ngspice
from rampjax.interop.spice.version import ngspice_version
from rampjax.montecarlo.chip import sample_chip
from rampjax.montecarlo.column import design_model
from rampjax.montecarlo.engine import run
from rampjax.target.arithmetic import model_arithmetic

BITS: Final = (5, 8)
FUNCTION, DEVICE = "sigmoid", "taox_paper"
# Assumed, not measured on a chip: of the size that studies/spice_agreement.toml has them.
SETTINGS: Final = (
    *("circuit.pulse_grid=16", "ramp.opamp_gain=1000.0", "ramp.v_os_V=0.001", "ramp.sigma_v_os_V=0.001"),
    *("ramp.sigma_c_int_rel=0.005", "ramp.sigma_v_read_rel=0.005", "ramp.q_inj_fC=0.02", "ramp.sigma_q_inj_fC=0.005"),
    *("ramp.t_loss_ns=0.005", "ramp.sigma_t_loss_ns=0.001", "ramp.sigma_tap_ns=0.005", "ramp.g_leak_uS=100.0"),
    *("ramp.r_access_MOhm=5e-4", "ramp.r_wire_MOhm=1e-6", "ramp.tau_settle_ns=0.1", "ramp.sigma_gradient_rel=0.02"),
)
_MOST_CHIPS: Final = 1_000  # in ngspice
_ENGINE_CHIPS: Final = {"cpu": 2**22, "gpu": 2**28}  # over the number of thresholds: of one call
_ROUNDS: Final = 3
_SEED: Final = 1


@dataclass(frozen=True)
class Raced:
    """What became of one design in ngspice and in the engine."""

    bits: int
    n_spice: int  # chips that ngspice simulated
    spice_per_s: float  # by wall time, all cores at work
    spice_one_s: float  # median time of one process
    worst_lsb: float  # between both, of any level of any of these chips, in local LSB
    n_engine: int  # chips of one call
    engine_per_s: float  # of the fastest round
    engine_median_per_s: float
    first_call_s: float  # of the engine, compiling included

    @property
    def ratio(self) -> float:
        return self.engine_per_s / self.spice_per_s


@model_arithmetic()
def run_spice_bench(
    bits: int | None = None,
    seconds: float = 60.0,
    advance: Advance = lambda done, total, text: None,
    *,
    scale: float = 1.0,
) -> dict[str, Any]:
    """Times ngspice and the engine on the same chips and returns a flat record of numbers, strings and lists.

    Args:
        bits: bits of the column; None for 5 and 8 in turn.
        seconds: how long ngspice may work, and how long the engine's rounds last together, about.
        advance: called with steps done, steps in all, and what comes next.
        scale: of the engine's work per call, 1 for a fair rate.

    Raises:
        InputError: no ngspice, bits out of range, or seconds that are not positive.
    """
    widths = BITS if bits is None else (bits,)
    for width in widths:
        check_bench(width, seconds)
    version = ngspice_version()
    raced = []
    for i, width in enumerate(widths):
        say = partial(_say, advance, 2 * i, 2 * len(widths))
        raced.append(_race(make_spice_design(width), seconds / (2 * len(widths)), say, scale))
    advance(2 * len(widths), 2 * len(widths), "done")
    return {
        **machine(),
        "ngspice_version": version,
        "function": FUNCTION,
        "device_model": DEVICE,
        "settings": list(SETTINGS),
        "seconds": float(seconds),
        **_lists(raced),
    }


def _say(advance: Advance, first: int, total: int, step: int, text: str) -> None:
    advance(first + step, total, text)


def make_spice_design(bits: int) -> Design:
    """The column that both simulate."""
    return build_design(point_from_options(FUNCTION, bits, device=DEVICE, overrides=SETTINGS))


def _race(design: Design, seconds: float, say: "partial[None]", scale: float) -> Raced:
    bits = design.target.bits
    say(0, f"{bits} bits: ngspice")
    rate, times_s, errors_lsb = _time_ngspice(design, seconds)
    say(1, f"{bits} bits: the engine")
    params = converter_params(design)
    model = design_model(design, column_structure(design), ("max_inl_lsb",), params)
    platform = "cpu" if machine()["platform"] == "cpu" else "gpu"
    n = max(256, int(_ENGINE_CHIPS[platform] * scale) // len(design.v_ramp_V))
    engine = Contender("rampjax", n, lambda seed: run(model, params, n_samples=n, seed=seed), lambda seed: np.zeros(1))
    timing = time_contenders([engine], seconds, lambda done, total, text: None, _ROUNDS)[0]
    return Raced(
        bits=bits,
        n_spice=len(times_s),
        spice_per_s=rate,
        spice_one_s=float(np.median(times_s)),
        worst_lsb=max(errors_lsb),
        n_engine=n,
        engine_per_s=timing.best,
        engine_median_per_s=timing.median,
        first_call_s=timing.first_call_s,
    )


def _time_ngspice(design: Design, seconds: float) -> tuple[float, list[float], list[float]]:
    """Chips per second, the time of each process, and the worst deviation of each chip; a first chip says how many."""
    cores = count_cores()
    first_s, _ = _one(*_netlist(design, 0))
    n = min(cores * max(1, round(seconds / first_s)), _MOST_CHIPS)
    netlists = [_netlist(design, sample) for sample in range(n)]  # drawn and written before the clock starts
    with ThreadPoolExecutor(cores) as pool:
        start = time.perf_counter()
        found = list(pool.map(lambda given: _one(*given), netlists))
        elapsed_s = time.perf_counter() - start
    return n / elapsed_s, [took_s for took_s, _ in found], [off_lsb for _, off_lsb in found]


def _netlist(design: Design, sample: int) -> tuple[str, np.ndarray, np.ndarray]:
    """The netlist of a chip, the levels that the model has for it, and the local steps, in volts."""
    chip = sample_chip(design, _SEED, sample)
    t = design.target.thresholds
    circuit = spice_circuit(design, chip, np.array([t[(len(t) - 1) // 2 :][:2].mean()]))
    held_V = expected(design, chip, circuit, CLEARANCE).held_V
    text = netlist(circuit, [f"sample {sample} of seed {_SEED}"])
    return text, held_V, local_steps(design.v_ramp_V) * abs(circuit.volts)


def _one(text: str, held_V: np.ndarray, local_V: np.ndarray) -> tuple[float, float]:
    done = run_ngspice(text)
    spice_V = np.array([done.measured[LEVEL.format(k + 1)] for k in range(len(held_V))])
    return done.seconds, float(np.abs((spice_V - held_V) / local_V).max())


def _lists(raced: Sequence[Raced]) -> dict[str, Any]:
    def digits(value: float) -> float:
        return float(f"{value:.4g}")

    return {
        "spice_bits": [one.bits for one in raced],
        "ngspice_chips": [one.n_spice for one in raced],
        "ngspice_chips_per_s": [digits(one.spice_per_s) for one in raced],
        "ngspice_s_per_chip": [digits(one.spice_one_s) for one in raced],
        "engine_chips": [one.n_engine for one in raced],
        "engine_chips_per_s": [digits(one.engine_per_s) for one in raced],
        "engine_median_chips_per_s": [digits(one.engine_median_per_s) for one in raced],
        "engine_first_call_s": [digits(one.first_call_s) for one in raced],
        "engine_vs_ngspice": [digits(one.ratio) for one in raced],
        "worst_level_lsb": [digits(one.worst_lsb) for one in raced],
    }
