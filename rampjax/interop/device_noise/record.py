"""The noise of cells as one flat record of bare values, for JSON and for text."""

from collections.abc import Callable
from typing import Any

from rampjax.interop.device_noise.cell import CellNoise
from rampjax.interop.device_noise.noise import NoiseFit
from rampjax.interop.device_noise.pooled import Pooled
from rampjax.interop.device_noise.sentences import unlike_model
from rampjax.interop.device_noise.whittle import Estimate


def noise_record(fit: NoiseFit) -> dict[str, Any]:
    """Returns a fit as a flat record; lists have a value per cell, None where the data cannot tell it.

    `_ci_low` and `_ci_high` are the ends of an interval of 95 %; where a part is not told they say how large it may be.
    `sd_within_…` has for each cell, one after the other, a value per `window_s`; `spectrum_…` one per `f_Hz`.
    """
    cells, bins = fit.cells, fit.basis.bins
    return {
        "file": fit.series.path,
        "read_as": list(fit.series.said),
        "rate_Hz": fit.series.rate_Hz,
        "samples": bins.n_samples,
        "duration_s": fit.duration_s,
        "t_read_s": fit.t_read_s,
        "slow_t_lo_s": fit.basis.t_lo_s,
        "slow_t_hi_s": fit.basis.t_hi_s,
        "cell": list(fit.series.names),
        "mean_uS": [cell.mean_uS for cell in cells],
        **_parts("sigma_read_uS", cells, lambda cell: cell.read),
        **_parts("sigma_slow_uS", cells, lambda cell: cell.slow),
        **_slopes(cells),
        "spectrum_p_value": [cell.spectral.p_value for cell in cells],
        "worst_ratio": [float(cell.spectral.ratios[cell.spectral.worst]) for cell in cells],
        "worst_ratio_at_Hz": [float(cell.spectral.octaves_Hz[cell.spectral.worst]) for cell in cells],
        "unlike_model": ["; ".join(unlike_model(cell, fit.duration_s)) or None for cell in cells],
        "window_s": [one.duration_s for one in cells[0].wander],
        "sd_within_uS": [one.rms_uS for cell in cells for one in cell.wander],
        "sd_within_mean_uS": [one.mean_uS for cell in cells for one in cell.wander],
        "sd_within_fitted_uS": [one.fitted_uS for cell in cells for one in cell.wander],
        "drift_uS": [cell.drift.change_uS for cell in cells],
        "drift_sigma_uS": [cell.drift.sd_uS for cell in cells],
        "jump_kurtosis": [None if cell.jumps is None else cell.jumps.kurtosis for cell in cells],
        "jump_block_s": [None if cell.jumps is None else cell.jumps.block_s for cell in cells],
        "sigma_slow_by_wander_uS": [cell.slow_by_wander_uS for cell in cells],
        "pool": fit.how,
        "slow_by": fit.slow_by,
        **_pooled("device_sigma_read_uS", fit.read),
        **_pooled("device_sigma_slow_uS", fit.slow),
        "f_Hz": bins.f_Hz.tolist(),
        "spectrum_uS2_per_Hz": [float(one) for cell in cells for one in cell.spectral.power],
        "spectrum_fitted_uS2_per_Hz": [float(one) for cell in cells for one in cell.spectral.expected],
        "notes": list(fit.notes),
    }


def _parts(name: str, cells: tuple[CellNoise, ...], part: Callable[[CellNoise], Estimate]) -> dict[str, Any]:
    estimates = [part(cell) for cell in cells]
    return {
        name: [one.value if one.is_told else None for one in estimates],
        f"{name}_ci_low": [one.low for one in estimates],
        f"{name}_ci_high": [one.high for one in estimates],
    }


def _slopes(cells: tuple[CellNoise, ...]) -> dict[str, Any]:
    """Slopes of ln S against ln f: negative, so that the ends change places."""
    steep = [cell.spectral.steepness for cell in cells]
    return {
        "slope": [None if one is None else -one.value for one in steep],
        "slope_ci_low": [None if one is None else -one.high for one in steep],
        "slope_ci_high": [None if one is None else -one.low for one in steep],
    }


def _pooled(name: str, pooled: Pooled | None) -> dict[str, Any]:
    keys = ["", "_median", "_median_ci", "_rms", "_range", "_told_in", "_table_g_uS", "_table_uS", "_differs_p_value"]
    names = [name + key for key in keys]
    if pooled is None:
        return dict.fromkeys(names)
    interval = None if pooled.interval_uS is None else list(pooled.interval_uS)
    g_uS, sigma_uS = (None, None) if pooled.table is None else (column.tolist() for column in pooled.table)
    values = [
        pooled.value_uS,
        pooled.median_uS,
        interval,
        pooled.rms_uS,
        list(pooled.range_uS),
        pooled.n_told,
        g_uS,
        sigma_uS,
        pooled.differs_p,
    ]
    return dict(zip(names, values, strict=True))
