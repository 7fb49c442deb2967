"""From validated configuration to the values that the physics takes. The first module on this path to load jax."""

from dataclasses import dataclass, field
from typing import Any

from rampjax.checks import InputError
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.cells import MeasuredCells
from rampjax.circuit.closed_form import design_closed_form
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device, WriteVerify
from rampjax.config.device_config import DeviceConfig
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.points import Point
from rampjax.solver.problem import Problem, refuse_cells
from rampjax.target.functions import Function
from rampjax.target.inputs import InputDistribution
from rampjax.target.target import Target, make_target


@dataclass(frozen=True)
class DesignPoint(Point):
    """A point whose design is given, as by a design file."""

    design: Design = field(kw_only=True)
    overrides: tuple[str, ...] = ()  # `KEY=VALUE`, what replaced figures of the preset or the circuit

    def make_function(self) -> Function:
        """Returns the function itself, of which a file holds the points where it is a table."""
        return self.design.target.function

    def make_inputs(self) -> InputDistribution | None:
        """Returns the distribution of the inputs, of which a file holds the samples where it is one of samples."""
        return self.design.target.inputs


def build_device(config: DeviceConfig, cells: MeasuredCells | None = None) -> Device:
    """The device of a validated device file or preset; what the file leaves out is off.

    Args:
        config: the file's figures.
        cells: its measured cells, where it has the table [cells].

    Raises:
        InputError: a device of measured cells that were not read.
    """
    if config.cells is not None and cells is None:
        raise InputError(f"The measured cells of {config.name}, {config.cells.file}, have not been read.")
    figures = {key: config.figure(key) for key in FIELDS}
    numbers: dict[str, Any] = {key: figure.numbers for key, figure in figures.items() if figure is not None}
    write = {key.removeprefix(WRITE): numbers.pop(key) for key in FIELDS if key.startswith(WRITE) and key in numbers}
    return Device(name=config.name, write=WriteVerify(**write) if write else None, cells=cells, **numbers)


def build_design(point: Point) -> Design:
    """The closed-form design of one point of a study, or the one that is given.

    Raises:
        InputError: a function that cannot be converted, or conductances that the device cannot meet.
    """
    if isinstance(point, DesignPoint):
        return point.design
    target, calibration = _build_target(point), parse_calibration(point.calibration)
    return design_closed_form(
        target, build_device(point.device, point.cells), point.circuit, calibration, point.column_bits
    )


def build_problem(point: Point) -> Problem:
    """What the solver is asked at one point of a study.

    Raises:
        InputError: a function that cannot be converted, or a device of measured cells.
    """
    if point.device.cells is not None:
        refuse_cells(point.device.name)
    target, calibration = _build_target(point), parse_calibration(point.calibration)
    return Problem(target, build_device(point.device), point.circuit, calibration, point.column_bits)


def _build_target(point: Point) -> Target:
    return make_target(point.make_function(), point.bits, point.levels, point.x_range, point.make_inputs())
