"""A fit as one flat record of bare values, for JSON and for text."""

import math
from typing import Any

import numpy as np

from rampjax.interop.device_fit.curves import Estimate, FittedCurve
from rampjax.interop.device_fit.failed import Failed
from rampjax.interop.device_fit.fit import DeviceFit
from rampjax.interop.device_fit.lack import Lack, Misfit
from rampjax.interop.device_fit.series import Floats
from rampjax.interop.device_fit.stuck import Stuck

_N_PLACES = 5  # from the smallest target of the device to the largest


def fit_record(fit: DeviceFit) -> dict[str, Any]:
    """Returns a fit as a flat record; None where the data cannot tell. `_ci` is the interval of 95 %."""
    rows, normality = fit.rows, fit.normality
    counted = "devices" if rows.named else "rows"
    places_uS = np.linspace(fit.g_min_uS, fit.g_max_uS, _N_PLACES)
    return {
        "file": fit.path,
        "read_as": list(fit.said),
        "rows": len(rows.target_uS),
        "kept_rows": int(fit.sorted.kept.sum()),
        "programming_events": fit.n_events,
        "outlier_rows": int(fit.sorted.outlier.sum()),
        "outliers_settled": fit.settled,
        "stuck_rows": int(fit.sorted.stuck.sum()),
        "g_min_uS": fit.g_min_uS,
        "g_max_uS": fit.g_max_uS,
        "v_read_V": fit.v_read_V,
        "sampler": "parametric" if fit.drawn is None else "empirical",
        "shapes": None if fit.drawn is None else len(fit.drawn.bands),
        "form_chosen_by": fit.chosen_by,
        "intervals": "95 %, given the form that was chosen",
        "log_likelihood": fit.model.log_likelihood,
        "g_unit_uS": float(fit.g_unit_uS),
        "g_uS": places_uS.tolist(),
        **_curve("bias_prog", fit.bias, places_uS),
        **_curve("sigma_prog", fit.sigma, places_uS),
        **_curve("sigma_read", fit.read, places_uS),
        "relax_t0_s": rows.t0_s if fit.relax_mean or fit.relax_sigma else None,
        **_log_time("relax_mean", fit.relax_mean, places_uS),
        **_log_time("relax_sigma", fit.relax_sigma, places_uS),
        "relax_fitted_to": None if fit.relax_sigma is None else ("changes" if fit.walks else "shifts"),
        "aged_sigma_ages_s": None if fit.aged is None else list(fit.aged.ages_s),
        **_failed(fit.failed),
        "stuck_counted": counted,
        **_stuck("off", fit.stuck_off, fit.stuck_not_found[0]),
        **_stuck("on", fit.stuck_on, fit.stuck_not_found[1]),
        "ks_distance": None if normality is None else normality.distance,
        "ks_p_value": None if normality is None else normality.p_value,
        "ks_n": None if normality is None else normality.n,
        **_misfit("mean", fit.lack.mean, fit.lack),
        **_misfit("sigma", fit.lack.sigma, fit.lack),
        "notes": list(fit.notes),
    }


def _curve(name: str, curve: FittedCurve | None, places_uS: Floats) -> dict[str, Any]:
    parts = ("form", "terms_uS", "terms_half_uS", "points_g_uS", "points_uS", "coefficient_uS", "exponent")
    keys = [*(f"{name}_{part}" for part in parts), *(f"{name}_uS{end}" for end in ("", "_ci_low", "_ci_high"))]
    found: dict[str, Any] = dict.fromkeys(keys)
    if curve is None:
        return found
    found[f"{name}_form"] = curve.shape.name
    if curve.shape.is_polynomial:
        found[f"{name}_terms_uS"] = curve.terms_uS.tolist()
        found[f"{name}_terms_half_uS"] = _told(curve.terms_half_uS)
    elif curve.shape.kind == "power law":
        found[f"{name}_coefficient_uS"], found[f"{name}_exponent"] = curve.terms.tolist()
    else:
        g_uS, values_uS = curve.points_uS
        found[f"{name}_points_g_uS"], found[f"{name}_points_uS"] = g_uS.tolist(), values_uS.tolist()
    for end, values in zip(("", "_ci_low", "_ci_high"), curve.at(places_uS), strict=True):
        found[f"{name}_uS{end}"] = _told(values)
    return found


def _told(values: Floats) -> list[float] | None:
    """Numbers, or None where they cannot be told."""
    return values.tolist() if np.isfinite(values).all() else None


def _log_time(name: str, pair: tuple[FittedCurve, FittedCurve] | None, places_uS: Floats) -> dict[str, Any]:
    """Relaxation: the numbers in the middle of the targets, and those at each place."""
    found: dict[str, Any] = {}
    for index, part in enumerate(("constant", "per_ln")):
        curve = None if pair is None else pair[index]
        key = f"{name}_{part}_uS"
        ends = (None, None) if curve is None else _ends(curve.middle)
        found[key] = None if curve is None else curve.middle.value
        found[f"{key}_ci"] = None if None in ends else list(ends)
        found[f"{key}_ci_low"], found[f"{key}_ci_high"] = ends
        found[f"{name}_{part}_by_g_uS"] = None if curve is None else curve.at(places_uS)[0].tolist()
    return found


def _ends(one: Estimate) -> tuple[float | None, float | None]:
    return (one.low, one.high) if math.isfinite(one.low) and math.isfinite(one.high) else (None, None)


def _failed(failed: Failed | None) -> dict[str, Any]:
    low, high = (None, None) if failed is None else failed.prob_interval
    return {
        "failed": 0 if failed is None else failed.n_failed,
        "failed_of": None if failed is None else failed.n_events,
        "failed_prob": None if failed is None else failed.n_failed / failed.n_events,
        "failed_prob_ci_low": low,
        "failed_prob_ci_high": high,
        "failed_from_g_uS": None if failed is None else [one.low_uS for one in failed.stretches],
        "failed_to_g_uS": None if failed is None else [one.high_uS for one in failed.stretches],
        "failed_prob_by_g": None if failed is None else [one.prob for one in failed.stretches],
        "failed_bias_terms_uS": None if failed is None else list(failed.bias_uS),
        "failed_sigma_uS": None if failed is None else failed.sigma_uS,
    }


def _stuck(name: str, level: Stuck | None, not_found: Stuck | None) -> dict[str, Any]:
    known = level or not_found
    prob = (None, None) if known is None else known.prob_interval
    g_uS = (None, None) if level is None else (level.g_low_uS, level.g_high_uS)
    return {
        f"stuck_{name}": 0 if known is None else known.n_stuck,
        f"stuck_{name}_of": 0 if known is None else known.n_seen,
        f"stuck_{name}_maybe": 0 if known is None else known.n_maybe,
        f"stuck_{name}_prob": None if known is None else known.prob,
        f"stuck_{name}_prob_ci": None if known is None else list(prob),
        f"stuck_{name}_prob_ci_low": prob[0],
        f"stuck_{name}_prob_ci_high": prob[1],
        f"g_stuck_{name}_uS": None if level is None else level.g_uS,
        f"g_stuck_{name}_uS_ci": None if level is None else list(g_uS),
        f"g_stuck_{name}_uS_ci_low": g_uS[0],
        f"g_stuck_{name}_uS_ci_high": g_uS[1],
    }


def _misfit(name: str, one: Misfit | None, lack: Lack) -> dict[str, Any]:
    """The largest lack of fit, and whether it is beyond chance."""
    key = f"lack_{name}"
    return {
        f"{key}_observed_uS": None if one is None else one.observed_uS,
        f"{key}_fit_uS": None if one is None else one.model_uS,
        f"{key}_standard_errors": None if one is None else one.sure,
        f"{key}_sure": None if one is None else lack.is_sure(one),
        f"{key}_age_s": None if one is None else one.age_s,
        f"{key}_g_uS": None if one is None else [one.g_low_uS, one.g_high_uS],
    }
