"""Read noise of the cells of a file: each by itself, and one figure of all for a device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.interop.device_noise.cell import CellNoise, fit_cell
from rampjax.interop.device_noise.fit import Basis, make_basis
from rampjax.interop.device_noise.pooled import HOWS, Pooled, pool
from rampjax.interop.device_noise.sentences import noise_notes
from rampjax.interop.device_noise.series import Layout, Series, read_series
from rampjax.interop.device_noise.whittle import Estimate
from rampjax.interop.measured.options import AS_RECOGNISED, Reading

SLOW_BY: Final = ("spectrum", "wander")


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """The read noise of the cells of a file."""

    series: Series
    basis: Basis
    t_read_s: float  # duration of a read, at which the fast part holds
    t_read_source: str
    cells: tuple[CellNoise, ...]
    how: str  # median or rms
    read: Pooled | None  # fast part; None: most cells do not tell it
    slow: Pooled | None
    slow_by: str  # spectrum, or wander
    notes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """How long the series are."""
        return self.basis.t_hi_s


def fit_noise(
    path: str | Path,
    layout: Layout,
    reading: Reading = AS_RECOGNISED,
    *,
    t_read_s: float | None = None,
    how: str = "median",
    slow_by: str = "spectrum",
) -> NoiseFit:
    """Returns the read noise of the cells of a file.

    Args:
        path: the file.
        layout: how its series stand in it.
        reading: how it is written.
        t_read_s: duration of a read; None: the time from sample to sample.
        how: the figure of several cells: median or rms.
        slow_by: which slow part several cells have: that of their spectra, or by their wander, that with which they
            have the standard deviation that was measured over the whole series. Of a cell that is not 1/f these differ.

    Raises:
        InputError: see `read_series`; a read longer than the time from sample to sample; a word that is not known.
    """
    if how not in HOWS:
        raise InputError(f"--pool must be one of {' or '.join(HOWS)}, but is {how}.")
    if slow_by not in SLOW_BY:
        raise InputError(f"--slow-by must be {' or '.join(SLOW_BY)}, but is {slow_by}.")
    series = read_series(path, layout, reading)
    step_s = 1.0 / series.rate_Hz
    if t_read_s is not None and not 0 < t_read_s <= step_s * (1 + 1e-9):
        raise InputError(
            f"--t-read must be above 0 and at most the time from sample to sample, {step_s:g} s, but is {t_read_s:g} s."
        )
    basis = make_basis(series.g_uS.shape[1], series.rate_Hz)
    cells = tuple(fit_cell(name, x_uS, basis) for name, x_uS in zip(series.names, series.g_uS, strict=True))
    read = _pooled(cells, [cell.read for cell in cells], how)
    slow = _pooled(cells, [cell.slow for cell in cells], how, by_wander=slow_by == "wander")
    return NoiseFit(
        series,
        basis,
        t_read_s or step_s,
        "the time from sample to sample" if t_read_s is None else "set by the user",
        cells,
        how,
        read,
        slow,
        slow_by,
        tuple(noise_notes(str(path), cells, read, slow, basis)),
    )


def _pooled(
    cells: Sequence[CellNoise], estimates: Sequence[Estimate], how: str, by_wander: bool = False
) -> Pooled | None:
    values = [cell.slow_by_wander_uS for cell in cells] if by_wander else [one.value for one in estimates]
    told = np.array([one.is_told for one in estimates])
    return pool(np.array(values), told, np.array([cell.mean_uS for cell in cells]), how)
