"""From validated configuration to the values that the physics takes. The first module on this path to load jax."""

from typing import Any

from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Design, design_closed_form
from rampjax.circuit.device import Device, WriteVerify
from rampjax.config.device_config import DeviceConfig
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.points import Point
from rampjax.target.target import make_target


def build_device(config: DeviceConfig) -> Device:
    """The device of a validated device file or preset; what the file leaves out is off."""
    figures = {key: config.figure(key) for key in FIELDS}
    numbers: dict[str, Any] = {key: figure.numbers for key, figure in figures.items() if figure is not None}
    write = {key.removeprefix(WRITE): numbers.pop(key) for key in FIELDS if key.startswith(WRITE) and key in numbers}
    return Device(name=config.name, write=WriteVerify(**write) if write else None, **numbers)


def build_design(point: Point) -> Design:
    """The closed-form design of one point of a study.

    Raises:
        InputError: a function that cannot be converted, or conductances that the device cannot meet.
    """
    target = make_target(point.make_function(), point.bits, point.levels, point.x_range)
    calibration = parse_calibration(point.calibration)
    return design_closed_form(target, build_device(point.device), point.circuit, calibration, point.column_bits)
