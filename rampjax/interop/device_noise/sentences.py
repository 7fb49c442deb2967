"""What a user should know of the noise of cells, in sentences: above all where it is not the model's."""

from collections.abc import Sequence
from typing import Final

from rampjax.interop.device_noise.cell import CellNoise, wanders_more
from rampjax.interop.device_noise.fit import STEEPEST, Basis
from rampjax.interop.device_noise.pooled import Pooled

_MOST_CELLS: Final = 10  # of which each has a sentence
_NEAR_ONE: Final = 0.1  # of a slope: so far from 1/f, and further than its interval, is said


def noise_notes(
    path: str, cells: Sequence[CellNoise], read: Pooled | None, slow: Pooled | None, basis: Basis
) -> list[str]:
    """Returns the notes on a fit.

    Args:
        path: the file.
        cells: the noise of each.
        read: fast part of all.
        slow: slow part of all.
        basis: of the series.
    """
    notes = []
    unlike = [(cell, said) for cell in cells if (said := unlike_model(cell, basis.t_hi_s))]
    for cell, said in unlike[:_MOST_CELLS]:
        notes.append(f"{path}: cell {cell.name} ({cell.mean_uS:.4g} µS) is not the model's noise: {'; '.join(said)}.")
    if len(unlike) > _MOST_CELLS:
        notes.append(f"{path}: {len(unlike) - _MOST_CELLS} more cells are not the model's noise; --json lists them.")
    negative = [cell.name for cell in cells if cell.mean_uS <= 0]
    if negative:
        notes.append(f"{path}: the mean of {_some(negative)} is not above 0 µS, expected conductances of devices.")
    rounded = [cell.name for cell in cells if cell.read.is_told and cell.is_rounding]
    if rounded:
        notes.append(f"{path}: the fast part of {_some(rounded)} may be the rounding of the numbers in the file.")
    for part, pooled, told in (
        ("fast", read, [cell.read.is_told for cell in cells]),
        ("slow", slow, [cell.slow.is_told for cell in cells]),
    ):
        names = [cell.name for cell, one in zip(cells, told, strict=True) if not one]
        if names:
            rest = "" if pooled is not None else ": there is none for a device file"
            notes.append(f"{path}: the {part} part of {_some(names)} cannot be told from 0{rest}.")
    wide = [cell for cell in cells if wanders_more(cell)]
    if slow is not None and 2 * len(wide) >= len(cells):
        notes.append(
            f"{path}: {_some([cell.name for cell in wide])} wander{'s' * (len(wide) == 1)} twice as far as the "
            f"spectrum says, or more: what is right over {basis.t_hi_s:.4g} s is the slow part of --slow-by wander."
        )
    if len(cells) == 1:
        notes.append(f"{path}: is one cell; how far cells differ is not known.")
    return notes


def unlike_model(cell: CellNoise, duration_s: float) -> list[str]:
    """Returns what of a cell is not the model's noise; nothing where it all is.

    Args:
        cell: its noise.
        duration_s: of its series.
    """
    spectral = cell.spectral
    said = []
    if not spectral.fits:
        ratio, f_Hz = spectral.ratios[spectral.worst], spectral.octaves_Hz[spectral.worst]
        said.append(f"its spectrum is {ratio:.2g} times the fit at {f_Hz:.2g} Hz (p {_p_text(spectral.p_value)})")
    slope = spectral.steepness
    if slope is not None and (slope.low > 1 + _NEAR_ONE or slope.high < 1 - _NEAR_ONE):
        faster = "faster" if slope.value > 1 else "slower"
        steep = f"f^-{slope.value:.2f}" if slope.value < STEEPEST else f"f^-{STEEPEST:g} or steeper"
        said.append(f"it wanders {faster} than a logarithm of time, {steep} ({slope.low:.2f} to {slope.high:.2f})")
    if wanders_more(cell):
        whole = cell.wander[-1]
        said.append(f"over {duration_s:.4g} s it has σ {whole.rms_uS:.3g} µS, the fit {whole.fitted_uS:.3g}")
    if cell.drift.is_seen:
        drift = cell.drift
        said.append(f"it drifts by {drift.change_uS:.3g} µS, where the fitted noise has σ {drift.sd_uS:.2g}")
    if cell.jumps is not None and cell.jumps.is_seen:
        said.append(
            f"it jumps (telegraph noise, or glitches): steps over {cell.jumps.block_s:.2g} s have an excess kurtosis "
            f"of {cell.jumps.kurtosis:.3g}, normal ones 0"
        )
    return said


def _p_text(p_value: float) -> str:
    return "< 0.0001" if p_value < 1e-4 else f"= {p_value:.2g}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"cell{'s' * (len(names) != 1)} {', '.join(names[:5])}{more}"
