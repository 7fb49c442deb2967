"""From validated configuration to the values that the physics takes. The first module on this path to load jax."""

from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Circuit, Design, design_closed_form
from rampjax.circuit.device import Device
from rampjax.config.devices import DeviceConfig
from rampjax.config.points import Point
from rampjax.target.target import make_target


def build_device(config: DeviceConfig) -> Device:
    """The device of a validated device file or preset."""
    values = {
        name: getattr(config, name).value
        for name in (
            "g_min_uS",
            "g_max_uS",
            "bias_prog_uS",
            "stuck_off_prob",
            "stuck_on_prob",
            "g_stuck_off_uS",
            "g_stuck_on_uS",
            "v_read_V",
        )
    }
    if config.g_ceiling_uS is not None:
        values["g_ceiling_uS"] = config.g_ceiling_uS.value
    return Device(
        name=config.name,
        sigma_prog_uS=tuple(config.sigma_prog_uS.coefficients_uS().tolist()),
        sigma_read_uS=tuple(config.sigma_read_uS.coefficients_uS().tolist()),
        **values,
    )


def build_design(point: Point) -> Design:
    """The closed-form design of one point of a study.

    Raises:
        InputError: a function that cannot be converted, or conductances that the device cannot meet.
    """
    target = make_target(point.make_function(), point.bits, point.levels, point.x_range)
    circuit = Circuit(**point.circuit.model_dump())
    return design_closed_form(target, build_device(point.device), circuit, parse_calibration(point.calibration))
