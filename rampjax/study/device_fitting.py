"""Fits a device to a measured table, and writes what comes of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_fit.device_file import device_toml
from rampjax.interop.device_fit.fit import DeviceFit, fit_device
from rampjax.interop.device_fit.record import fit_record
from rampjax.interop.device_fit.stuck import FAR
from rampjax.interop.measured.reader import AS_RECOGNISED, Reading, parse_units
from rampjax.report.tables import write_whole


def run_device_fit(
    path: str,
    units: Sequence[str] = (),
    *,
    form: str = "auto",
    sampler: str = "parametric",
    v_read_V: float | None = None,
    g_min_uS: float | None = None,
    g_max_uS: float | None = None,
    name: str | None = None,
    out: Path | None = None,
    figure: Path | None = None,
    seed: int = 1,
    reading: Reading = AS_RECOGNISED,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Fits a device and returns the fit as a flat record, see `fit_device`.

    Args:
        path: the measured table.
        units: NAME=UNIT for columns that do not say theirs.
        form: how mean and spread depend on the conductance.
        sampler: parametric or empirical.
        v_read_V: the read voltage.
        g_min_uS: smallest target.
        g_max_uS: largest target.
        name: the device's title.
        out: the device file to write; None: none.
        figure: the figure to write; None: none.
        seed: of folds and bootstrap.
        reading: how the file is written, where that was chosen.
        told: called with how far a long fit has come.

    Raises:
        InputError: see `fit_device` and `device_toml`; or a file that is there already.
    """
    if name is not None and out is None:
        raise InputError("--name has no effect without --out.")
    if name is not None and not name.strip():
        raise InputError("--name must not be empty.")
    for file, option, ending in ((out, "--out", ".toml"), (figure, "--figure", ".png")):
        if file is not None:
            check_new(file, option, ending)
    fit = fit_device(
        path,
        parse_units(units),
        form=form,
        sampler=sampler,
        v_read_V=v_read_V,
        g_min_uS=g_min_uS,
        g_max_uS=g_max_uS,
        seed=seed,
        reading=reading,
        told=told,
    )
    text = device_toml(fit, name) if out is not None else ""
    png = _figure(fit) if figure is not None else b""
    if out is not None:
        write_whole(out, text.encode())
    if figure is not None:
        write_whole(figure, png)
    return fit_record(fit)


def check_new(file: Path, option: str, ending: str) -> None:
    """Raises InputError unless a file that an option names ends so and is not there yet."""
    if file.suffix.lower() != ending:
        raise InputError(f"{option} must end with {ending}, but is {file}.")
    if file.exists():
        raise InputError(f"{file}: is there already, expected a new file for {option}.")


def _figure(fit: DeviceFit) -> bytes:
    from rampjax.report.device_fit_figure import device_fit_png

    normality = fit.normality
    if normality is None:
        raise InputError(f"{fit.path}: the errors have no spread, of which a figure could be drawn.")
    drawn = fit.drawn
    shown = f"p = {normality.p_value:.2g}" if normality.p_value > 0.005 else "p < 0.01"
    return device_fit_png(
        np.interp(normality.u, (-1, 1), fit.bias.g_uS[[0, -1]]),
        normality.error_uS,
        fit.bias.g_uS,
        fit.bias.value_uS,
        fit.error_sigma_uS,
        normality.z if drawn is None else drawn.z,
        f"Are they normal? {shown} (KS)",
        None if drawn is None else drawn.pooled,
        FAR if drawn is not None and fit.sorted.outlier.any() else None,
    )
