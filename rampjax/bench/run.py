"""The whole benchmark in one run, as a flat record of bare numbers."""

import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from rampjax.bench import conversions as conversion
from rampjax.bench import static_path as static
from rampjax.bench.contender import ROUNDS, Advance, Contender, Timing, agree, time_contenders, widest_disagreement
from rampjax.bench.cores import Cores, count_cores
from rampjax.bench.floors import floors, normals_per_chip
from rampjax.checks import InputError, check_between, check_integer
from rampjax.target.arithmetic import model_arithmetic

MIN_BITS, MAX_BITS = 2, 10
_FLOOR, _CALIBRATIONS = "floor", ("none", "ramp_aware")
_MEGA = 1e6

Timed = dict[str, list[Timing]]  # by group: the floor, each calibration of the static path, each kind of conversion


@model_arithmetic()
def run_bench(
    bits: int = 5,
    seconds: float = 60.0,
    advance: Advance = lambda done, total, text: None,
    *,
    scale: float = 1.0,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Times everything and returns a flat record of numbers, strings and lists.

    Rates are those of the fastest round, the least disturbed one; medians stand beside them.

    Args:
        bits: bits of the column, 2 to 10.
        seconds: how long the timed rounds last, about; compiling comes on top.
        advance: called with steps done, steps in all, and what comes next.
        scale: of the work per call, 1 for fair rates.
        rounds: timed slots per contender.

    Raises:
        InputError: bits out of range, or seconds that are not positive.
    """
    check_bench(bits, seconds)
    with ThreadPoolExecutor(count_cores()) as pool:
        groups = _groups(bits, Cores(pool, count_cores()), scale)
        everyone = [contender for group in groups.values() for contender in group]
        timings = iter(time_contenders(everyone, seconds, advance, rounds))
        timed = {name: [next(timings) for _ in group] for name, group in groups.items()}
        apart = {name: widest_disagreement(group) for name, group in groups.items() if name != "noise none"}
        differ = _codes_that_differ(groups["noise none"])
    return {
        **machine(),
        "bits": bits,
        "seconds": float(seconds),
        "rounds": rounds,
        "device_model": static.DEVICE,
        "normals_per_chip": normals_per_chip(bits),
        **_ratios(timed),
        **_lists(timed, normals_per_chip(bits)),
        "checked": list(apart),
        "widest_disagreement_standard_errors": [round(value, 3) for value in apart.values()],
        "n_codes_that_differ": differ,
        "contenders_agree": int(differ == 0 and all(agree(value) for value in apart.values())),
    }


def check_bench(bits: int, seconds: float) -> None:
    """Raises InputError unless both can be timed."""
    check_integer("bits", bits)
    check_between("bits", bits, MIN_BITS, MAX_BITS)
    if not 0 < seconds < float("inf"):
        raise InputError(f"`seconds` must be a positive number, but is {seconds:g}.")


def _groups(bits: int, cores: Cores, scale: float) -> dict[str, list[Contender]]:
    return {
        _FLOOR: floors(bits, cores, scale),
        **{f"static {name}": static.static_path(bits, name, cores, scale) for name in _CALIBRATIONS},
        **{f"noise {kind}": conversion.conversions(bits, kind, cores, scale) for kind in conversion.KINDS},
    }


def _codes_that_differ(contenders: Sequence[Contender]) -> int:
    """Codes of noise-free conversions that not all contenders share."""
    samples = [contender.sample(0) for contender in contenders]
    return int(sum(np.count_nonzero(other != samples[0]) for other in samples[1:]))


def machine() -> dict[str, Any]:
    """What was timed on, and with which versions."""
    device = jax.devices()[0]
    return {
        "platform": device.platform,
        "device": device.device_kind,
        "n_cores": count_cores(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python_version": platform.python_version(),
        **{f"{name}_version": version(name) for name in ("rampjax", "jax", "jaxlib", "numpy")},
    }


def _best(timings: Sequence[Timing], start: str = "") -> float:
    return max(timing.best for timing in timings if timing.name.startswith(start))


def _ratios(timed: Timed) -> dict[str, Any]:
    """How fast the engine is, each time in units of the fastest rival of a sort."""
    none, aware = (timed[f"static {name}"] for name in _CALIBRATIONS)
    ratios = {
        "static_vs_floor": _best(none, static.ENGINE) / _best(timed[_FLOOR]),
        "static_vs_numpy": _best(none, static.ENGINE) / _best(none, static.NUMPY),
        "static_vs_lean": _best(none, static.ENGINE) / _best(none, static.LEAN),
        "ramp_aware_vs_floor": _best(aware, static.ENGINE) / _best(timed[_FLOOR]),
        "ramp_aware_vs_numpy": _best(aware, static.ENGINE) / _best(aware, static.NUMPY),
    }
    for kind in conversion.KINDS:
        group, key = timed[f"noise {kind}"], f"convert_noise_{kind.replace(' ', '_')}"
        ours = _best(group, conversion.ENGINE)
        ratios[f"{key}_vs_numpy"] = ours / _best(group, "NumPy")
        if any(timing.name == conversion.SEARCH_JAX for timing in group):
            ratios[f"{key}_vs_vmap_searchsorted"] = ours / _best(group, conversion.SEARCH_JAX)
    fastest = max(timed[_FLOOR], key=lambda timing: timing.best).name
    return {"fastest_floor": fastest, **{key: float(f"{value:.4g}") for key, value in ratios.items()}}


def _lists(timed: Timed, normals: int) -> dict[str, Any]:
    """Names and rates of all contenders; first calls contain the compilation."""
    parts = {
        "floor": ("mchip", timed[_FLOOR]),
        "static": ("mchip", [timing for name in _CALIBRATIONS for timing in timed[f"static {name}"]]),
        "conversion": ("mconversion", [timing for kind in conversion.KINDS for timing in timed[f"noise {kind}"]]),
    }
    record: dict[str, Any] = {}
    for part, (unit, timings) in parts.items():
        record[f"{part}_names"] = [timing.name for timing in timings]
        record[f"{part}_{unit}_per_s"] = [_mega(timing.best) for timing in timings]
        record[f"{part}_median_{unit}_per_s"] = [_mega(timing.median) for timing in timings]
        record[f"{part}_first_call_s"] = [round(timing.first_call_s, 3) for timing in timings]
    record["floor_mnormal_per_s"] = [_mega(timing.best * normals) for timing in timed[_FLOOR]]
    record["conversion_noise"] = [kind for kind in conversion.KINDS for _ in timed[f"noise {kind}"]]
    return record


def _mega(rate: float) -> float:
    return float(f"{rate / _MEGA:.4g}")
