"""Writes fitted read noise for a device: a fragment, or a copy of a device file with it in place of its own."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from rampjax.checks import InputError
from rampjax.config.device_config import DeviceConfig
from rampjax.config.devices import device_text, is_device_file, model_of
from rampjax.config.toml_file import LARGEST, toml_literal, validate
from rampjax.interop.device_noise.noise import NoiseFit
from rampjax.interop.device_noise.pooled import Pooled

PARTS: Final = {"fast": ("sigma_read_uS", "t_read_ns"), "slow": ("sigma_slow_uS", "slow_t_lo_s", "slow_t_hi_s")}
_DIGITS: Final = 6
_HEADER: Final = re.compile(r"\s*\[+\s*([^\[\]]+?)\s*\]+\s*(#.*)?")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*[.=]")
Table = dict[str, Any]


def noise_tables(fit: NoiseFit, part: str = "both") -> dict[str, Table]:
    """Returns the tables of a device file.

    Args:
        fit: of `fit_noise`.
        part: fast, slow or both; of both those that the data tell.

    Raises:
        InputError: another word, or there is no such part.
    """
    if part not in (*PARTS, "both"):
        raise InputError(f"--part must be one of both, fast or slow, but is {part}.")
    told = {"fast": fit.read, "slow": fit.slow}
    chosen = [name for name in PARTS if part in (name, "both") and told[name] is not None]
    if not chosen:
        which = "neither part" if part == "both" else f"no {part} part"
        raise InputError(f"{fit.series.path}: has {which} that could be told from 0, expected one for --out.")
    tables: dict[str, Table] = {}
    if "fast" in chosen and fit.read is not None:
        tables |= _fast(fit, fit.read)
    if "slow" in chosen and fit.slow is not None:
        tables |= _slow(fit, fit.slow)
    for key, table in tables.items():
        validate(model_of(key), table, fit.series.path, f"{key}.")
    return tables


def fragment_toml(fit: NoiseFit, part: str = "both") -> str:
    """Returns the tables as text, to be pasted into a device file; see `noise_tables`."""
    head = "# Read noise for a device file, in place of the tables of these names that it has.\n"
    return head + _written(noise_tables(fit, part))


def device_with_noise(fit: NoiseFit, device: str, part: str = "both") -> tuple[str, list[str]]:
    """Returns a copy of a device file with the fitted noise, checked as any is, and notes on it.

    Args:
        fit: of `fit_noise`.
        device: a preset or a device file.
        part: see `noise_tables`.

    Raises:
        InputError: see `noise_tables`; the device, or what it would become, is none; a figure that the copy replaces
            does not stand in a table or a line of its own.
    """
    tables = noise_tables(fit, part)
    text = device_text(device)
    replaced = [key for keys in PARTS.values() if keys[0] in tables for key in keys]
    copied = _without(text, replaced) + "\n" + _written(tables)
    where = device if is_device_file(device) else f"device {device}"
    expected = {key: value for key, value in tomllib.loads(text).items() if key not in replaced}
    data = _parsed(copied)
    if data is None or {key: value for key, value in data.items() if key not in tables} != expected:
        raise InputError(
            f"{where}: {' or '.join(f'`{key}`' for key in replaced)} cannot be replaced as it stands, expected a table "
            f"[{next(iter(tables))}] of its own for each."
        )
    try:
        made = validate(DeviceConfig, {**data, "name": Path(device).stem}, where)
    except InputError as error:
        hint = " --part fast writes the fast part alone." if "`sigma_slow_uS` must be 0" in str(error) else ""
        raise InputError(f"{error}{hint}") from None
    return copied, _copy_notes(fit, made, where, tables)


def _copy_notes(fit: NoiseFit, device: DeviceConfig, where: str, tables: dict[str, Table]) -> list[str]:
    notes = []
    low, high = _ends(fit)
    if device.g_min_uS.value < low or device.g_max_uS.value > high:
        notes.append(
            f"{where}: has targets from {device.g_min_uS.value:g} to {device.g_max_uS.value:g} µS, but the cells lie "
            f"from {low:.4g} to {high:.4g} µS: beyond them their noise is taken as within."
        )
    if "sigma_read_uS" in tables and device.tau_read_ns is not None:
        notes.append(
            f"{where}: keeps its `tau_read_ns` of {device.tau_read_ns.value:g} ns, by which the noise of a read of "
            f"{fit.t_read_s:g} s is carried over to pulses of nanoseconds; these data say nothing of it."
        )
    return notes


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _without(text: str, keys: Sequence[str]) -> str:
    """A device file without some tables, everything else as it stands."""
    kept, table = [], ""
    for line in text.splitlines():
        header = _HEADER.fullmatch(line)
        if header:
            table = header[1].partition(".")[0].strip()
        key = _KEY.match(line)
        if table in keys or (not table and key and key[1] in keys):
            continue
        kept.append(line)
    return "\n".join(kept).rstrip() + "\n"


def _written(tables: dict[str, Table]) -> str:
    blocks = [
        "\n".join([f"[{key}]", *(f"{name} = {toml_literal(value)}" for name, value in table.items())])
        for key, table in tables.items()
    ]
    return "\n\n".join(blocks) + "\n"


def _fast(fit: NoiseFit, pooled: Pooled) -> dict[str, Table]:
    source = (
        f"{_origin(fit)}: fast part, white from sample to sample, {_spread(fit, pooled, 0)}. The noise of the "
        f"instrument is in it. Says nothing about reads shorter than {fit.t_read_s:g} s"
    )
    certainty = "user" if fit.t_read_source == "set by the user" else "measured"
    t_read_ns = _rounded(fit.t_read_s * 1e9)
    tables = {"sigma_read_uS": _curve(pooled, source)}
    if t_read_ns <= LARGEST:  # of a file; a longer one stands in the source alone, and acts on nothing
        tables["t_read_ns"] = {"value": t_read_ns, "certainty": certainty, "source": fit.t_read_source}
    return tables


def _slow(fit: NoiseFit, pooled: Pooled) -> dict[str, Table]:
    slopes = [-cell.spectral.steepness.value for cell in fit.cells if cell.spectral.steepness is not None]
    steep = f"; slopes of the spectra {max(slopes):.2f} to {min(slopes):.2f}" if slopes else ""
    n_unlike = sum(not cell.spectral.fits for cell in fit.cells)
    unlike = f"; the spectra of {n_unlike} are not 1/f" if n_unlike else ""
    wander = _wander(fit)
    by = "by the spectrum" if fit.slow_by == "spectrum" else f"by the wander over {fit.duration_s:g} s"
    source = f"{_origin(fit)}: slow part as 1/f, {by}, {_spread(fit, pooled, 1)}{steep}{unlike}{wander}"
    times = {
        "slow_t_lo_s": (fit.basis.t_lo_s, "the time from sample to sample"),
        "slow_t_hi_s": (fit.basis.t_hi_s, "the duration of the series: slower ones may be there and were not seen"),
    }
    return {
        "sigma_slow_uS": _curve(pooled, source),
        **{
            key: {"value": _rounded(value_s), "certainty": "measured", "source": f"{_name(fit)}: {said}"}
            for key, (value_s, said) in times.items()
        },
    }


def _wander(fit: NoiseFit) -> str:
    """What the cells do over the whole series, beside what their fits do."""
    whole = [cell.wander[-1] for cell in fit.cells]
    measured, fitted = (float(np.median([getattr(w, name) for w in whole])) for name in ("rms_uS", "fitted_uS"))
    word = "median " if len(whole) > 1 else ""
    return f"; over {fit.duration_s:g} s {word}σ {measured:.3g} µS measured, {fitted:.3g} by the fitted spectra"


def _curve(pooled: Pooled, source: str) -> Table:
    if pooled.table is None:
        return {"constant": _rounded(pooled.value_uS), "certainty": "fitted", "source": source}
    g_uS, sigma_uS = ([_rounded(float(one)) for one in column] for column in pooled.table)
    return {"table": {"g_uS": g_uS, "sigma_uS": sigma_uS}, "certainty": "fitted", "source": source}


def _spread(fit: NoiseFit, pooled: Pooled, part: int) -> str:
    """What a figure is of how many cells, and how far these are apart."""
    if pooled.n_cells == 1 and part == 1 and fit.slow_by == "wander":
        return "of which one series knows no interval; how far cells differ is not known"
    if pooled.n_cells == 1:
        one = (fit.cells[0].read, fit.cells[0].slow)[part]
        return f"{one.low:.3g} to {one.high:.3g} µS (95 %); how far cells differ is not known"
    low, high = pooled.range_uS
    word = {"median": "median", "rms": "root mean square"}[fit.how]
    beside = f"root mean square {pooled.rms_uS:.3g}" if fit.how == "median" else f"median {pooled.median_uS:.3g}"
    of = "groups" if pooled.table is not None else f"{pooled.n_cells} cells"
    sure = "" if pooled.interval_uS is None else f", median of all {_between(pooled.interval_uS)} µS (95 %)"
    told = "" if pooled.n_told == pooled.n_cells else f", told from 0 in {pooled.n_told}"
    return f"{word} of {of}, which lie from {low:.3g} to {high:.3g} µS ({beside}{sure}{told})"


def _between(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3g} to {ends[1]:.3g}"


def _origin(fit: NoiseFit) -> str:
    low, high = _ends(fit)
    n = len(fit.cells)
    where = f"{n} cells at {low:.4g} to {high:.4g} µS" if n > 1 else f"one cell at {low:.4g} µS"
    return f"{_name(fit)}: {where}, {fit.series.rate_Hz:g} Hz for {fit.duration_s:g} s"


def _ends(fit: NoiseFit) -> tuple[float, float]:
    means = [cell.mean_uS for cell in fit.cells]
    return min(means), max(means)


def _name(fit: NoiseFit) -> str:
    return Path(fit.series.path).name


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
