"""A fit as one flat record of bare values, for JSON and for text."""

from typing import Any

import numpy as np

from rampjax.interop.device_fit.fit import DeviceFit
from rampjax.interop.device_fit.intervals import Estimate, FittedCurve
from rampjax.interop.device_fit.model import Floats
from rampjax.interop.device_fit.stuck import Stuck

_N_PLACES = 5  # from the smallest target of the device to the largest


def fit_record(fit: DeviceFit) -> dict[str, Any]:
    """Returns a fit as a flat record; None where the data cannot tell. `_ci` is the interval of 95 %."""
    rows, normality = fit.rows, fit.normality
    counted = "devices" if rows.named else "rows"
    places_uS = np.linspace(fit.g_min_uS, fit.g_max_uS, _N_PLACES)
    record: dict[str, Any] = {
        "file": fit.path,
        "read_as": list(fit.said),
        "rows": len(rows.target_uS),
        "kept_rows": int(fit.sorted.kept.sum()),
        "programming_events": fit.n_events,
        "outlier_rows": int(fit.sorted.outlier.sum()),
        "stuck_rows": int(fit.sorted.stuck.sum()),
        "g_min_uS": fit.g_min_uS,
        "g_max_uS": fit.g_max_uS,
        "v_read_V": fit.v_read_V,
        "sampler": "parametric" if fit.drawn is None else "empirical",
        "form_chosen_by": fit.chosen_by,
        "intervals": "95 %, given the form that was chosen",
        "g_unit_uS": float(fit.g_unit_uS),
        "g_uS": places_uS.tolist(),
        **_curve("bias_prog", fit.bias, places_uS),
        **_curve("sigma_prog", fit.sigma, places_uS, low=0.0),
        **_curve("sigma_read", fit.read, places_uS, low=0.0),
        **_log_time("relax_mean", fit.relax_mean),
        **_log_time("relax_sigma", fit.relax_sigma),
        "stuck_counted": counted,
        **_stuck("off", fit.stuck_off, fit.stuck_not_found[0]),
        **_stuck("on", fit.stuck_on, fit.stuck_not_found[1]),
        "ks_distance": None if normality is None else normality.distance,
        "ks_p_value": None if normality is None else normality.p_value,
        "ks_n": None if normality is None else normality.n,
        "notes": list(fit.notes),
    }
    return record


def _curve(name: str, curve: FittedCurve | None, places_uS: Floats, low: float | None = None) -> dict[str, Any]:
    keys = [f"{name}_{part}" for part in ("terms_uS", "terms_half_uS", "uS", "uS_ci_low", "uS_ci_high")]
    if curve is None:
        return dict.fromkeys(keys)
    value_uS, half_uS = curve.at(places_uS)
    below, above = value_uS - half_uS, value_uS + half_uS
    below = below if low is None else below.clip(min=low)
    chosen = [values.tolist() for values in (value_uS, below, above)]
    terms = [curve.terms_uS.tolist(), curve.terms_half_uS.tolist()]
    return dict(zip(keys, [*terms, *chosen], strict=True))


def _log_time(name: str, pair: tuple[Estimate, Estimate] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index, part in enumerate(("constant", "per_ln")):
        one = None if pair is None else pair[index]
        found[f"{name}_{part}_uS"] = None if one is None else float(one.value)
        found[f"{name}_{part}_uS_ci"] = None if one is None else [float(one.low), float(one.high)]
    return found


def _stuck(name: str, level: Stuck | None, not_found: Stuck | None) -> dict[str, Any]:
    known = level or not_found
    return {
        f"stuck_{name}": 0 if known is None else known.n_stuck,
        f"stuck_{name}_of": 0 if known is None else known.n_seen,
        f"stuck_{name}_maybe": 0 if known is None else known.n_maybe,
        f"stuck_{name}_prob": None if known is None else known.prob,
        f"stuck_{name}_prob_ci": None if known is None else list(known.prob_interval),
        f"g_stuck_{name}_uS": None if level is None else level.g_uS,
        f"g_stuck_{name}_uS_ci": None if level is None else [level.g_low_uS, level.g_high_uS],
    }
