"""Compares a chip in SPICE with the same chip in the model: every level, every decision, every code."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rampjax.checks import InputError, to_real
from rampjax.circuit.converter import Column
from rampjax.circuit.design import Design
from rampjax.interop.spice.circuit import SpiceCircuit, spice_circuit
from rampjax.interop.spice.expected import expected, index_at, local_steps
from rampjax.interop.spice.netlist import DECISION, LEVEL, netlist
from rampjax.interop.spice.ngspice import run_ngspice
from rampjax.montecarlo.chip import sample_chip

CLEARANCE = 0.1  # local steps: codes are compared of inputs that are further from every threshold
_INPUT = re.compile(r"^\* column \d+: x = (\S+)$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class ChipComparison:
    """One chip in SPICE and in the model."""

    sample: int
    spice_V: np.ndarray  # (level,) held levels
    model_V: np.ndarray
    level_error_lsb: np.ndarray  # (level,) SPICE less model, in local LSB: the smaller step beside the level
    x: np.ndarray  # (column,)
    spice_ns: np.ndarray  # (column,) time of each decision after the first level; NaN: never
    model_ns: np.ndarray
    t_clk_ns: float
    spice_code: np.ndarray
    model_code: np.ndarray
    clear: np.ndarray  # (column,) further than CLEARANCE from every threshold
    seconds: float  # that ngspice took

    @property
    def worst_lsb(self) -> float:
        return float(np.abs(self.level_error_lsb).max())

    @property
    def timed(self) -> np.ndarray:
        """(column,) whose decision times are compared: clear of every threshold, decided, and with the same code."""
        decided = ~np.isnan(self.spice_ns) & ~np.isnan(self.model_ns)
        return np.asarray(self.clear & decided & (self.spice_code == self.model_code))

    @property
    def worst_clocks(self) -> float:
        """Worst difference of a decision time, in clocks; 0 where there is none to compare."""
        off = np.abs(self.spice_ns - self.model_ns)[self.timed]
        return float(off.max() / self.t_clk_ns) if off.size else 0.0

    @property
    def n_wrong(self) -> int:
        """Clear inputs that get another code."""
        return int((self.clear & (self.spice_code != self.model_code)).sum())


def chip_inputs(design: Design, chip: Column, n: int, seed: Sequence[int]) -> np.ndarray:
    """(n,) inputs in random bins of a chip, every bin equally likely, those at the ends as wide as their neighbours.

    Args:
        design: the design.
        chip: of `sample_chip`.
        n: how many.
        seed: whole numbers.
    """
    ends = np.sort(chip.thresholds)
    steps = local_steps(design.target.thresholds)
    ends = np.concatenate([[ends[0] - steps[0]], ends, [ends[-1] + steps[-1]]])
    rng = np.random.default_rng(list(seed))
    bins, at = rng.integers(0, len(ends) - 1, n), rng.random(n)
    ideal = design.target.thresholds
    # A threshold that a clipped MAC never reaches lies far beyond the range: no input is looked for there.
    beyond = 0.5 * np.ptp(ideal) + steps.max()
    return np.clip(ends[bins] + at * np.diff(ends)[bins], ideal[0] - beyond, ideal[-1] + beyond)


def compare_chip(
    design: Design, seed: int, sample: int, *, n_inputs: int = 32, text: str | None = None
) -> ChipComparison:
    """Runs one chip in ngspice and compares it with the model.

    Args:
        design: the design.
        seed: of the chips.
        sample: number of the chip.
        n_inputs: converted inputs, each in a column of its own.
        text: a netlist to run instead of the chip's own, as `netlist` writes it, maybe edited since.

    Raises:
        InputError: no ngspice, a netlist that it cannot simulate, or one of another design.
    """
    chip = sample_chip(design, seed, sample)
    x = chip_inputs(design, chip, n_inputs, (seed, sample)) if text is None else _inputs_of(text)
    circuit = spice_circuit(design, chip, x)
    done = run_ngspice(netlist(circuit, [f"sample {sample} of seed {seed}"]) if text is None else text)
    spice_V = _levels(done.measured, circuit)
    spice_ns = 1e9 * np.array([done.measured.get(DECISION.format(j + 1), np.nan) for j in range(len(x))])
    said = expected(design, chip, circuit, CLEARANCE)
    codes, first_ns = design.target.codes, circuit.edges_ns[0]
    local_V = local_steps(design.v_ramp_V) * abs(circuit.volts)
    return ChipComparison(
        sample=sample,
        spice_V=spice_V,
        model_V=said.held_V,
        level_error_lsb=(spice_V - said.held_V) / local_V,
        x=x,
        spice_ns=spice_ns - first_ns,
        model_ns=said.t_decision_ns - first_ns,
        t_clk_ns=circuit.t_clk_ns,
        spice_code=codes[index_at(design, circuit, spice_ns)],
        model_code=codes[said.index],
        clear=said.clear,
        seconds=done.seconds,
    )


def _inputs_of(text: str) -> np.ndarray:
    try:
        x = [to_real(number) for number in _INPUT.findall(text)]
    except ValueError as error:
        raise InputError(f"The netlist has an input that is no number ({error}).") from None
    if not x:
        raise InputError("The netlist has no line `* column 1: x = ...`, expected one that `spice export` wrote.")
    return np.array(x)


def _levels(measured: dict[str, float], circuit: SpiceCircuit) -> np.ndarray:
    names = [LEVEL.format(k + 1) for k in range(len(circuit.edges_ns))]
    beyond = LEVEL.format(len(names) + 1)
    missing = [name for name in names if name not in measured]
    if missing or beyond in measured:
        what = f"does not measure {missing[0]}" if missing else f"measures {beyond}"
        raise InputError(f"The netlist {what}, expected {len(names)} levels: is it of this design?")
    return np.array([measured[name] for name in names])
