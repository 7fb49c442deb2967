"""Fits read noise to time series of cells, and writes what comes of it."""

from pathlib import Path
from typing import Any

from rampjax.checks import InputError
from rampjax.interop.device_noise.device_file import PARTS, device_with_noise, fragment_toml
from rampjax.interop.device_noise.noise import NoiseFit, fit_noise
from rampjax.interop.device_noise.record import noise_record
from rampjax.interop.device_noise.series import Layout
from rampjax.interop.measured.options import AS_RECOGNISED, Reading
from rampjax.report.tables import write_whole
from rampjax.study.device_fitting import check_new


def run_device_noise(
    path: str,
    layout: Layout,
    reading: Reading = AS_RECOGNISED,
    *,
    t_read_s: float | None = None,
    pool: str = "median",
    slow_by: str = "spectrum",
    device: str | None = None,
    part: str = "both",
    out: Path | None = None,
    figure: Path | None = None,
) -> dict[str, Any]:
    """Fits the read noise of cells and returns it as a flat record, see `fit_noise`.

    Args:
        path: the time series.
        layout: how they stand in the file.
        reading: how the file is written.
        t_read_s: duration of a read; None: the time from sample to sample.
        pool: the figure of several cells, median or rms.
        slow_by: the slow part of a device, by spectrum or by wander.
        device: the device of which `out` becomes a copy; None: it becomes a fragment.
        part: which part is written: both, fast or slow.
        out: the device file or fragment to write; None: none.
        figure: the figure to write; None: none.

    Raises:
        InputError: see `fit_noise` and `device_with_noise`; or a file that is there already.
    """
    for option, given in (("--device", device is not None), ("--part", part != "both")):
        if given and out is None:
            raise InputError(f"{option} has no effect without --out.")
    if part not in (*PARTS, "both"):
        raise InputError(f"--part must be one of both, fast or slow, but is {part}.")
    for file, option, ending in ((out, "--out", ".toml"), (figure, "--figure", ".png")):
        if file is not None:
            check_new(file, option, ending)
    fit = fit_noise(path, layout, reading, t_read_s=t_read_s, how=pool, slow_by=slow_by)
    text, notes = _device_text(fit, device, part) if out is not None else ("", [])
    png = _figure(fit) if figure is not None else b""
    if out is not None:
        write_whole(out, text.encode())
    if figure is not None:
        write_whole(figure, png)
    record = noise_record(fit)
    return {**record, "notes": [*record["notes"], *notes]}


def _device_text(fit: NoiseFit, device: str | None, part: str) -> tuple[str, list[str]]:
    if device is None:
        return fragment_toml(fit, part), []
    return device_with_noise(fit, device, part)


def _figure(fit: NoiseFit) -> bytes:
    from rampjax.report.device_noise_figure import device_noise_png

    return device_noise_png(noise_record(fit))
