"""The sources of error of a design: groups of figures that are switched on and off together."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Final

from rampjax.circuit.blocks import BLOCKS, NOMINAL_K, knobs
from rampjax.circuit.curves import Points, PowerLaw, Table, is_zero
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device
from rampjax.config.circuit_sections import set_circuit
from rampjax.config.settings import settings_of

# Every figure that makes chips differ from the ideal, or from each other, belongs to one source.
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "programming error": (
        "device.sigma_prog_uS",
        "device.bias_prog_uS",
        "device.error_quantiles",
        "device.failed_prob",
        "device.failed_bias_uS",
        "device.failed_sigma_uS",
        "device.write",
        "programming.mode",
    ),
    "measured cells": ("device.cells",),
    "stuck devices": (
        "device.stuck_off_prob",
        "device.stuck_on_prob",
        "device.g_stuck_off_uS",
        "device.g_stuck_on_uS",
    ),
    "relaxation": (
        *("device.relax_mean_uS", "device.relax_sigma_uS", "device.relax_quantiles", "device.aged_sigma_uS"),
    ),
    "drift": ("device.drift_nu", "device.sigma_drift_nu"),
    "telegraph noise": ("device.rtn_prob", "device.rtn_amplitude_rel", "device.rtn_tau_s"),
    "slow read noise": ("device.sigma_slow_uS",),
    "read noise": ("device.sigma_read_uS",),
    "measurement noise": ("circuit.n_reads", "circuit.sigma_measure_V"),
    "thermal noise": ("ramp.thermal_noise",),
    "temperature": ("operation.temperature_K", "device.tc_rel_per_K", "device.sigma_tc_rel_per_K"),
    "change of the read voltage": ("operation.v_read_change_rel",),
    "read-voltage mismatch": ("ramp.sigma_v_read_rel",),
    "process corner": ("operation.speed_corner_rel", "operation.c_corner_rel"),
    "amplifier gain": ("ramp.opamp_gain",),
    "amplifier offset": ("ramp.v_os_V", "ramp.sigma_v_os_V"),
    "capacitor mismatch": ("ramp.sigma_c_int_rel",),
    "charge injection": ("ramp.q_inj_fC", "ramp.sigma_q_inj_fC"),
    "lost time": ("ramp.t_loss_ns", "ramp.sigma_t_loss_ns"),
    "pulse-width mismatch": ("ramp.sigma_tap_ns",),
    "jitter": ("ramp.sigma_jitter_ns",),
    "leakage of unselected rows": ("ramp.g_leak_uS",),
    "series resistance": ("ramp.r_access_MOhm", "ramp.r_wire_MOhm"),
    "settling": ("ramp.tau_settle_ns",),
    "step noise": ("ramp.sigma_step_V",),
    "kT/C noise": ("ramp.ktc_noise", "mac.ktc_noise"),
    "conductance gradient": ("ramp.sigma_gradient_rel",),
    "MAC gain": ("mac.sigma_gain_rel",),
    "MAC offset": ("mac.sigma_offset_V",),
    "MAC noise": ("mac.sigma_noise_V",),
    "MAC clipping": ("mac.v_clip_V",),
    "comparator offset": ("comparator.sigma_offset_V",),
    "comparator noise": ("comparator.sigma_noise_V",),
    "comparator timing": ("comparator.t_delay_ns", "comparator.tau_latch_ns", "comparator.tau_preamp_ns"),
}
# These add no error by themselves, but say how others act: they stay as they are in every case.
CONDITIONS: Final = (
    *("operation.age_s", "operation.recalibrate_s", "device.nonlinearity_per_V2"),
    "device.tau_read_ns",
)

_PLAIN: Final = ("device.sigma_prog_uS", "device.bias_prog_uS", "device.failed_prob")
_ZERO_CURVES: Final = {"sigma_prog_uS": (0.0,)}  # needed, so without a default


# What a read feels beside the instrument's own noise.
_FELT_BY_READS: Final = (
    *("device.sigma_read_uS", "circuit.sigma_measure_V", "ramp.sigma_jitter_ns", "ramp.sigma_step_V"),
    *("ramp.ktc_noise", "ramp.thermal_noise"),
)


def _is_measured(design: Design) -> bool:
    return design.calibration.measures or design.circuit.programming.mode == "write_verify"


# Without these there is no voltage across the unselected rows.
_MOVE_THE_INPUT: Final = ("amplifier gain", "amplifier offset", "settling")
# When a source acts that its figures alone do not switch on.
_ACTS: Final[dict[str, Callable[[Design], bool]]] = {
    "programming error": lambda d: d.circuit.programming.mode == "write_verify" or _any_on(d, _PLAIN),
    "stuck devices": lambda d: d.device.has_stuck_cells,
    "relaxation": lambda d: d.circuit.operation.age_s > 0 and (d.device.relaxes or d.device.spreads),
    "drift": lambda d: d.circuit.operation.age_s > 0,
    "telegraph noise": lambda d: (
        d.circuit.operation.age_s > 0 and d.device.rtn_prob > 0 and d.device.rtn_amplitude_rel > 0
    ),
    "measurement noise": lambda d: d.circuit.n_reads > 0 and _is_measured(d) and _any_on(d, _FELT_BY_READS),
    "temperature": lambda d: d.circuit.operation.temperature_K != NOMINAL_K,
    "leakage of unselected rows": lambda d: _any_on(d, [key for name in _MOVE_THE_INPUT for key in SOURCES[name]]),
    "comparator timing": lambda d: d.circuit.comparator.kind != "ideal",
}


def sources_on(design: Design) -> tuple[str, ...]:
    """The sources of error that act in a design."""
    return tuple(
        name for name, keys in SOURCES.items() if _any_on(design, keys) and _ACTS.get(name, lambda _: True)(design)
    )


def _any_on(design: Design, keys: Iterable[str]) -> bool:
    return any(_is_on(_value(design, key), off_value(key)) for key in keys)


def _is_on(value: Any, off: Any) -> bool:
    return bool(value != off and not (isinstance(value, tuple | PowerLaw | Table | Points) and is_zero(value)))


def _value(design: Design, key: str) -> Any:
    section, _, name = key.partition(".")
    held: Any = {"device": design.device, "circuit": design.circuit}.get(section)
    return getattr(held if held is not None else getattr(design.circuit, section), name)


def off_value(key: str) -> Any:
    """What a figure is where its source is off: the default, which for every one of them adds no error."""
    section, _, name = key.partition(".")
    if section != "device":
        return knobs(BLOCKS[section])[name].default
    defaults = {item.name: item.default for item in dataclasses.fields(Device)}
    return _ZERO_CURVES.get(name, defaults[name])


def switch(design: Design, on: Iterable[str]) -> Design:
    """Returns the design with only the given sources on. Its targets stay: no error changes what is aimed at.

    A measurement errs by the device's read noise, which stays on with it: `budget.case_params` takes its temporal part
    away.
    """
    acting, kept = sources_on(design), set(on)
    off = [name for name in acting if name not in kept and not (name == "read noise" and "measurement noise" in kept)]
    changes = {key: off_value(key) for name in off for key in SOURCES[name]}
    device = dataclasses.replace(design.device, **settings_of("device", changes))
    return dataclasses.replace(design, device=device, circuit=set_circuit(design.circuit, changes))
