"""What a case does to a chip: how far off the model would be if it knew nothing of it.

An agreement of a thousandth of a step says something only beside an effect of whole steps.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.converter import Column
from rampjax.circuit.design import Design
from rampjax.interop.spice.circuit import spice_circuit
from rampjax.interop.spice.compare import CLEARANCE, ChipComparison
from rampjax.interop.spice.expected import Expected, expected, local_steps
from rampjax.montecarlo.chip import sample_chip
from rampjax.study.error_sources import sources_on, switch
from rampjax.study.spice import TEMPORAL

PROGRAMMING = "programming error"


@dataclass(frozen=True, eq=False)
class Effect:
    """How far the sources of error of a design move one chip away from the same chip without them."""

    lsb: float  # of any held level, or threshold, whichever moves further, in local LSB
    t_decision_ns: np.ndarray  # (column,) after the first level, of the chip without them

    def clocks(self, compared: ChipComparison) -> float:
        """How far a decision moves, in clocks, of those that are compared; 0 where there is none."""
        off_ns = np.abs(compared.model_ns - self.t_decision_ns)[compared.timed]
        off_ns = off_ns[~np.isnan(off_ns)]
        return float(off_ns.max() / compared.t_clk_ns) if off_ns.size else 0.0


def effect(design: Design, chip: Column, x: np.ndarray, seed: int, sample: int) -> Effect:
    """What the sources of error, and the calibration, of a design do to one chip.

    Args:
        design: the design.
        chip: of `sample_chip`.
        x: (column,) its inputs.
        seed: of the chip.
        sample: its number.
    """
    plain = without_sources(design)
    plain_chip = sample_chip(plain, seed, sample)
    ours, _, _ = _said(design, chip, x)
    theirs, plain_volts, first_ns = _said(plain, plain_chip, x)
    levels = (ours.held_V - theirs.held_V) / (local_steps(design.v_ramp_V) * abs(plain_volts))
    with np.errstate(invalid="ignore"):  # a threshold that is never reached
        thresholds = (chip.thresholds - plain_chip.thresholds) / local_steps(design.target.thresholds)
    moved = np.abs(np.concatenate([levels, thresholds]))
    return Effect(float(moved[np.isfinite(moved)].max()), theirs.t_decision_ns - first_ns)


def without_sources(design: Design) -> Design:
    """The design with its programming error alone, uncalibrated; without that too, where it has nothing else."""
    others = {*sources_on(design)} - TEMPORAL - {PROGRAMMING}
    kept = [PROGRAMMING] if others or design.calibration.text != "none" else []
    return dataclasses.replace(switch(design, kept), calibration=parse_calibration("none"))


def _said(design: Design, chip: Column, x: np.ndarray) -> tuple[Expected, float, float]:
    circuit = spice_circuit(design, chip, x)
    return expected(design, chip, circuit, CLEARANCE), circuit.volts, float(circuit.edges_ns[0])
