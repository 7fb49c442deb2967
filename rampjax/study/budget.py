"""The error budget of a design: every source of error alone, and every one left out, on the same chips.

A source is a group of figures that is switched on and off together. Every source draws from a random stream of its own,
so that a chip has the same draws in every case: differences between cases are known better than each mean.
"""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from rampjax.checks import InputError
from rampjax.circuit.assemble import column_structure
from rampjax.circuit.blocks import BLOCKS, Circuit, knobs
from rampjax.circuit.design import Design
from rampjax.circuit.device import Device
from rampjax.circuit.structure import ColumnStructure
from rampjax.config.build import build_design
from rampjax.config.design_file import bare
from rampjax.config.points import Point
from rampjax.montecarlo.statistics import Statistics
from rampjax.report.budget import ALL, BUDGET_MEASURES, CASES, write_budget
from rampjax.report.page import render_report
from rampjax.study.runner import simulate
from rampjax.study.tables import Measurement

# Every figure that makes chips differ from the ideal, or from each other, belongs to one source.
SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "programming error": ("device.sigma_prog_uS", "device.bias_prog_uS", "device.write", "programming.mode"),
    "stuck devices": (
        "device.stuck_off_prob",
        "device.stuck_on_prob",
        "device.g_stuck_off_uS",
        "device.g_stuck_on_uS",
    ),
    "relaxation": ("device.relax_mean_uS", "device.relax_sigma_uS", "device.aged_sigma_uS"),
    "drift": ("device.drift_nu", "device.sigma_drift_nu"),
    "telegraph noise": ("device.rtn_prob", "device.rtn_amplitude_rel", "device.rtn_tau_s"),
    "read noise": ("device.sigma_read_uS",),
    "measurement noise": ("circuit.n_reads",),
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
CONDITIONS: Final = ("operation.age_s", "operation.recalibrate_s", "device.nonlinearity_per_V2")

_PLAIN: Final = ("device.sigma_prog_uS", "device.bias_prog_uS")
_ZERO_CURVES: Final = {"sigma_prog_uS": (0.0,), "sigma_read_uS": (0.0,)}
_FAINT: Final = 2.0**-20  # a power of two: products keep their bits


def _is_measured(design: Design) -> bool:
    calibration = design.calibration
    measures = calibration.ramp_aware or calibration.correction != "none" or calibration.n_redundant > 1
    return measures or design.circuit.programming.mode == "write_verify"


# When a source acts that its figures alone do not switch on.
_ACTS: Final[dict[str, Callable[[Design], bool]]] = {
    "programming error": lambda d: d.circuit.programming.mode == "write_verify" or _any_on(d, _PLAIN),
    "stuck devices": lambda d: d.device.has_stuck_cells,
    "relaxation": lambda d: d.circuit.operation.age_s > 0,
    "drift": lambda d: d.circuit.operation.age_s > 0,
    "telegraph noise": lambda d: (
        d.circuit.operation.age_s > 0 and d.device.rtn_prob > 0 and d.device.rtn_amplitude_rel > 0
    ),
    "measurement noise": lambda d: _is_measured(d) and any(d.device.sigma_read_uS),
    "temperature": lambda d: d.circuit.operation.temperature_K != Circuit().operation.temperature_K,
    "leakage of unselected rows": lambda d: _any_on(d, (*SOURCES["amplifier gain"], *SOURCES["amplifier offset"])),
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
    return bool(value != off and (not isinstance(value, tuple) or any(value)))


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

    A measurement errs by the device's read noise, which also makes the temporal noise. One is kept without the other by
    a faint read noise that is averaged over a share of a read.
    """
    acting, kept = sources_on(design), set(on)
    changes = {key: off_value(key) for name in acting if name not in kept for key in SOURCES[name]}
    if "measurement noise" in kept and "read noise" not in kept:
        changes["device.sigma_read_uS"] = tuple(_FAINT * term for term in design.device.sigma_read_uS)
        changes["circuit.n_reads"] = design.circuit.n_reads * _FAINT**2
    blocks: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        blocks.setdefault(section, {})[name] = value
    device = dataclasses.replace(design.device, **blocks.pop("device", {}))
    own = blocks.pop("circuit", {})
    held = {name: dataclasses.replace(getattr(design.circuit, name), **part) for name, part in blocks.items()}
    return dataclasses.replace(design, device=device, circuit=dataclasses.replace(design.circuit, **held, **own))


def shared_structure(whole: ColumnStructure, own: ColumnStructure) -> ColumnStructure:
    """The structure of the whole design for a case of it, so that nearly all cases share one compiled kernel.

    Figures at zero make no error in it, but a counter that starts later and a write-verify loop would.
    """
    return dataclasses.replace(whole, continuous=own.continuous, n_removed=own.n_removed, write_scheme=own.write_scheme)


def list_cases(sources: tuple[str, ...]) -> list[frozenset[str]]:
    """The sets of sources that are simulated: all, none, each alone, all but each; none of them twice."""
    everything = frozenset(sources)
    cases = [everything, frozenset(), *(frozenset([name]) for name in sources)]
    return list(dict.fromkeys([*cases, *(everything - {name} for name in sources)]))


def count_cases(point: Point) -> int:
    """How many times the chips of a budget are simulated.

    Raises:
        InputError: nothing is on.
    """
    return len(list_cases(_sources_of(build_design(point))))


def _sources_of(design: Design) -> tuple[str, ...]:
    found = sources_on(design)
    if not found:
        raise InputError("`--budget` needs at least one source of error, but none is on: every figure is ideal.")
    return found


def run_budget(
    point: Point,
    *,
    spec_lsb: float,
    samples: int,
    seed: int,
    yield_of: str,
    out: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[Any]]:
    """Simulates the error budget of a point and returns it as lists, largest source first.

    Args:
        point: the design's settings.
        spec_lsb: a chip is good when its measure is at most this, in LSB.
        samples: number of chips of each case.
        seed: seed of every random number.
        yield_of: the measure of the yield.
        out: a folder in which `run_yield` has left its tables: gets budget.csv, its figure, and its part of the page.
        progress: called with the number of chips just finished.

    Returns:
        One entry per source, the first for all of them: alone there means all on, left out none on.

    Raises:
        InputError: nothing is on.
    """
    design = build_design(point)
    sources = _sources_of(design)
    measurement = Measurement(BUDGET_MEASURES, yield_of, (spec_lsb,))
    whole = column_structure(design)
    found: dict[frozenset[str], Statistics] = {}
    for case in list_cases(sources):
        variant = switch(design, case)
        structure = shared_structure(whole, column_structure(variant))
        result = simulate(variant, measurement, n_samples=samples, seed=seed, structure=structure, progress=progress)
        found[case] = result.statistics
    record = _lists(sources, found, measurement)
    if out is not None:
        write_budget(out, record)
        render_report(out)
    return record


def _lists(
    sources: tuple[str, ...], found: dict[frozenset[str], Statistics], measurement: Measurement
) -> dict[str, list[Any]]:
    everything = frozenset(sources)
    cases = {name: (frozenset([name]), everything - {name}) for name in sources}
    total = {name: found[alone].mean("total_rmse_lsb") for name, (alone, _) in cases.items()}
    inl = {name: found[alone].mean("max_inl_lsb") for name, (alone, _) in cases.items()}
    ordered = sorted(sources, key=lambda name: (-round(total[name], 4), -inl[name]))
    rows = [(ALL, (everything, frozenset[str]())), *((name, cases[name]) for name in ordered)]
    record: dict[str, list[Any]] = {"source": [name for name, _ in rows]}
    for place, case in enumerate(CASES):
        each = [_numbers(found[pair[place]], measurement) for _, pair in rows]
        record |= {f"{case}_{key}": [numbers[key] for numbers in each] for key in each[0]}
    return record


def _numbers(statistics: Statistics, measurement: Measurement) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for name in BUDGET_MEASURES:
        low, high = statistics.mean_interval(name, measurement.confidence)
        numbers |= {name: bare(statistics.mean(name)), f"{name}_ci_low": bare(low), f"{name}_ci_high": bare(high)}
    share, low, high = statistics.yield_at(measurement.yield_of, measurement.specs_lsb[0], measurement.confidence)
    return {**numbers, "yield_fraction": share, "yield_ci_low": low, "yield_ci_high": high}
