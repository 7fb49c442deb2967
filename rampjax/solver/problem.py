"""What is to be designed, and the limits that a layout must keep, on the host in float64."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from rampjax.checks import InputError
from rampjax.circuit.blocks import Circuit
from rampjax.circuit.calibration_spec import CalibrationSpec
from rampjax.circuit.closed_form import largest_scale, least_grains
from rampjax.circuit.design import Layout, clocks_of, column_of
from rampjax.circuit.device import Device
from rampjax.target.target import Target

TOLERANCE = 1e-9


def refuse_cells(name: str) -> NoReturn:
    """Raises InputError for a device, by its name, of measured cells."""
    raise InputError(
        f"The solver needs a device with laws, but {name} has measured cells (the table [cells]); expected one fitted "
        "to them."
    )


@dataclass(frozen=True, eq=False)
class Problem:
    """Function, device, circuit and calibration for which a layout is sought.

    Raises:
        InputError: a device of measured cells: which cell an aim takes has no slope to descend.
    """

    target: Target
    device: Device
    circuit: Circuit = Circuit()
    calibration: CalibrationSpec = CalibrationSpec()
    column_bits: int | None = None

    def __post_init__(self) -> None:
        if self.device.cells is not None:
            refuse_cells(self.device.name)


@dataclass(frozen=True, eq=False)
class Limits:
    """The limits of a problem in the solver's units: conductances times whole grains of the pulse grid, µS.

    A charge per unit of x, `charge_fC`, asks of a step of width dx for charge_fC dx / grain_fC_uS in µS times grains,
    shared by its devices.
    """

    column: Target
    steps: np.ndarray  # (K-1,) widths in x
    device: Device
    grain_fC_uS: float  # v_read t_clk / R
    clock_grains: int
    least_grains: int
    most_grains: int
    closed_charge_fC: float  # of the closed form
    window_charge_fC: float  # the most that a given capacitor holds inside the window; inf where it is free

    def total_uS(self, charge_fC: float, n_devices: np.ndarray) -> np.ndarray:
        """(K-1,) conductance times grains of each device of a step."""
        return charge_fC * self.steps / (self.grain_fC_uS * n_devices)

    def grains(self, total_uS: np.ndarray, headroom: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Least and most whole grains with which conductances stay inside the range, and `headroom` below its top."""
        g_max_uS = self.device.g_max_uS * (1 - headroom)
        low = np.maximum(np.ceil(total_uS / g_max_uS * (1 - TOLERANCE)), self.least_grains)
        smallest_uS = max(self.device.g_min_uS, 1e-300)
        with np.errstate(over="ignore"):
            high = np.minimum(np.floor(total_uS / smallest_uS * (1 + TOLERANCE)), self.most_grains)
        return low, high

    def largest_charge_fC(self, n_devices: np.ndarray, aim_x: np.ndarray | None = None) -> float:
        """The charge per unit of x at which the first step needs all that its devices and clocks can give.

        Args:
            n_devices: (K-1,) devices of each step.
            aim_x: (K,) where the ramp aims; None: at the thresholds.
        """
        aim_x = self.column.thresholds if aim_x is None else aim_x
        full_fC = self.device.g_max_uS * self.most_grains * self.grain_fC_uS
        reach = float(np.abs(aim_x).max() / np.abs(self.column.thresholds).max())
        return float(min((full_fC * n_devices / np.diff(aim_x)).min(), self.window_charge_fC / reach))


def limits_of(problem: Problem, max_clocks: int) -> Limits:
    """The limits of a problem with pulses of up to so many clocks."""
    circuit, device = problem.circuit, problem.device
    column = column_of(problem.target, problem.column_bits)
    steps = np.diff(column.thresholds)
    scale_V, c_int_fF = largest_scale(column.thresholds, steps.max(), device, circuit)
    window = np.inf
    if circuit.c_int_fF is not None:
        window = circuit.c_int_fF * circuit.v_window_V / np.abs(column.thresholds).max()
    return Limits(
        column=column,
        steps=steps,
        device=device,
        grain_fC_uS=device.v_read_V * circuit.t_clk_ns / circuit.pulse_grid,
        clock_grains=circuit.pulse_grid,
        least_grains=least_grains(circuit),
        most_grains=circuit.pulse_grid * max_clocks,
        closed_charge_fC=float(scale_V * c_int_fF),
        window_charge_fC=float(window),
    )


def make_layout(
    circuit: Circuit,
    charge_fC: float,
    grains: np.ndarray,
    n_devices: np.ndarray,
    aim_x: np.ndarray,
    start: tuple[int, float],
) -> Layout:
    """The layout of a charge per unit of x, pulse widths, devices and aims.

    Args:
        circuit: window and capacitor.
        charge_fC: per unit of x.
        grains: (K-1,) pulse widths.
        n_devices: (K-1,) devices of each step.
        aim_x: (K,) where the ramp aims, in x.
        start: number of bias devices and their pulse, ns.
    """
    if circuit.c_int_fF is None:
        scale_V = circuit.v_window_V / float(np.abs(aim_x).max())
    else:
        scale_V = charge_fC / circuit.c_int_fF
    return Layout(
        scale_V=scale_V,
        c_int_fF=charge_fC / scale_V,
        v_ramp_V=scale_V * aim_x,
        t_pulse_ns=np.rint(grains) * (circuit.t_clk_ns / circuit.pulse_grid),
        n_devices=np.asarray(n_devices, int),
        n_bias=start[0],
        t_bias_ns=start[1],
    )


def ramp_clocks(grains: np.ndarray, limits: Limits, circuit: Circuit, n_bias: int) -> int:
    """Clocks of the whole ramp."""
    return int(clocks_of(grains, limits.clock_grains).sum()) + 2 + n_bias * circuit.bias_clocks
