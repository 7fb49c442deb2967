"""Writes a fitted device as a device file: every figure with how sure it is, and from which rows it is."""

import math
import tomllib
from pathlib import Path
from typing import Any

from rampjax.checks import InputError
from rampjax.config.device_config import DeviceConfig
from rampjax.config.toml_file import LARGEST, toml_literal, validate
from rampjax.interop.device_fit.aged import Aged
from rampjax.interop.device_fit.curves import FittedCurve
from rampjax.interop.device_fit.drawn import Band, Relaxed
from rampjax.interop.device_fit.failed import Failed
from rampjax.interop.device_fit.fit import DeviceFit

_DIGITS = 9
_QUANTILE_DIGITS = 6
Table = dict[str, Any]


def device_toml(fit: DeviceFit, name: str | None = None) -> str:
    """Returns the device file of a fit, checked as any device file is.

    Args:
        fit: of `fit_device`.
        name: the title of the device; None: it names the measured file.

    Raises:
        InputError: there is no read voltage, only one target, or a figure that no device can have.
    """
    if fit.v_read_V is None:
        raise InputError(f"{fit.path}: has no read voltage, expected a column v_read_V or the option --v-read.")
    if fit.g_min_uS >= fit.g_max_uS:
        raise InputError(
            f"{fit.path}: all targets are {fit.g_min_uS:g} µS, expected a range of them for a device file."
        )
    title = name or f"Fitted to {Path(fit.path).name}"
    tables = _tables(fit)
    lines = [f"title = {toml_literal(title)}"]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *(f"{name} = {toml_literal(value)}" for name, value in table.items())]
    text = "\n".join(lines) + "\n"
    validate(DeviceConfig, {**tomllib.loads(text), "name": title}, fit.path)
    return text


def _tables(fit: DeviceFit) -> dict[str, Table]:
    origin = _origin(fit)
    ends = f"{Path(fit.path).name}: targets measured from {_ends(fit)}"
    beside = "" if fit.read else "; read noise is a part of it"
    tables: dict[str, Table] = {
        "g_min_uS": _end(fit.g_min_uS, float(fit.rows.target_uS.min()), ends),
        "g_max_uS": _end(fit.g_max_uS, float(fit.rows.target_uS.max()), ends),
        "bias_prog_uS": _curve(fit.bias, "value", origin),
        "sigma_prog_uS": _curve(fit.sigma, "constant", origin + beside),
    }
    if fit.failed is not None:
        tables |= _failed_tables(fit.failed, fit)
    if fit.drawn is not None:
        said = "outliers among them" if fit.failed is None else "without failed writes"
        tables["error_quantiles"] = _quantiles(fit.drawn.bands, f"{origin}: standardised errors, {said}")
    if fit.read is not None:
        how = "repeated reads of one programming event" if not fit.model.form.read else "changes between ages alone"
        tables["sigma_read_uS"] = _curve(fit.read, "constant", f"{origin}: {how}")
    else:
        tables["sigma_read_uS"] = _assumed({"constant": 0.0}, "Not told by these data; it is a part of sigma_prog_uS")
    tables |= _stuck_tables(fit)
    v_certainty = "user" if fit.v_read_source == "set by the user" else "measured"
    tables["v_read_V"] = {"value": fit.v_read_V, "certainty": v_certainty, "source": fit.v_read_source}
    for key, pair in (("relax_mean_uS", fit.relax_mean), ("relax_sigma_uS", fit.relax_sigma)):
        if pair is not None and not (key == "relax_sigma_uS" and fit.aged):
            tables[key] = _log_time(pair, origin, key == "relax_mean_uS" and not fit.model.form.shift)
    if fit.aged is not None:
        tables["aged_sigma_uS"] = _aged_table(fit.aged, fit, origin)
    if (fit.relax_mean or fit.relax_sigma) and fit.rows.t0_s != 1:
        said = f"{Path(fit.path).name}: the youngest age that was measured"
        tables["relax_t0_s"] = _measured({"value": fit.rows.t0_s}, said)
    if fit.drawn is not None and fit.drawn.relaxed and fit.relax_sigma is not None:
        said = f"{origin}: what devices moved since they were fresh, over its spread"
        tables["relax_quantiles"] = _relaxed(fit.drawn.relaxed, said)
    return tables


def _aged_table(aged: Aged, fit: DeviceFit, origin: str) -> Table:
    span = fit.rows.span
    # The first is that of a fresh device, to the last bit.
    polynomials = [[_sane(term) for term in terms] for terms in (fit.sigma.terms_uS, *aged.terms_uS[1:])]
    return _fitted(
        {
            "ages_s": list(aged.ages_s),
            "polynomials": polynomials,
            "g_unit_uS": span.unit_uS,
            "valid_uS": [span.low_uS, span.high_uS],
        },
        f"{origin}: standard deviation of the errors at each age; before the youngest one as fresh",
    )


def _relaxed(shapes: tuple[Relaxed, ...], source: str) -> Table:
    if len(shapes) == 1:
        return _quantiles(shapes[0].bands, f"{source}, at all ages alike")
    tables = [_quantiles(one.bands, source) for one in shapes]
    return {
        "ages_s": [one.age_s for one in shapes],
        **tables[0],
        "quantiles": [table["quantiles"] for table in tables],
    }


def _quantiles(bands: tuple[Band, ...], source: str) -> Table:
    rows = [[round(float(q), _QUANTILE_DIGITS) for q in band.quantiles] for band in bands]
    if len(rows) == 1:
        return _fitted({"quantiles": rows[0]}, source)
    return _fitted({"g_uS": [_sane(band.g_uS) for band in bands], "quantiles": rows}, source)


def _failed_tables(failed: Failed, fit: DeviceFit) -> dict[str, Table]:
    file = Path(fit.path).name
    low, high = failed.prob_interval
    said = (
        f"{file}: {failed.n_failed} of {failed.n_events} programming events are far off; 95 %: {low:.3g} to {high:.3g}"
    )
    valid = [float(fit.rows.target_uS.min()), float(fit.rows.target_uS.max())]
    if len(failed.stretches) == 1:
        prob: Table = {"value": _sane(failed.n_failed / failed.n_events)}
    else:
        # A step: both shares stand where one ends and the next begins.
        g_uS = [end for one in failed.stretches for end in (one.low_uS, one.high_uS)]
        shares = [_sane(one.prob) for one in failed.stretches for _ in range(2)]
        kept = [i for i in range(len(g_uS)) if i == 0 or g_uS[i] > g_uS[i - 1]]
        prob = {"table": {"g_uS": [g_uS[i] for i in kept], "value": [shares[i] for i in kept]}, "valid_uS": valid}
    bias: Table = {"value": _sane(failed.bias_uS[0])}
    if len(failed.bias_uS) > 1:
        bias = {"polynomial": [_sane(term) for term in failed.bias_uS], "g_unit_uS": 1.0, "valid_uS": valid}
    return {
        "failed_prob": _fitted(prob, said),
        "failed_bias_uS": _fitted(bias, f"{file}: mean error of those"),
        "failed_sigma_uS": _fitted({"constant": _sane(failed.sigma_uS)}, f"{file}: standard deviation of those"),
    }


def _end(value_uS: float, measured_uS: float, ends: str) -> Table:
    if value_uS == measured_uS:
        return _measured({"value": value_uS}, ends)
    return {"value": value_uS, "certainty": "user", "source": f"set by the user; {ends}"}


def _origin(fit: DeviceFit) -> str:
    kept, all_ = int(fit.sorted.kept.sum()), len(fit.sorted.kept)
    return f"{Path(fit.path).name}: fit to {fit.n_events} programming events, {kept} of {all_} rows"


def _ends(fit: DeviceFit) -> str:
    return f"{fit.rows.target_uS.min():g} to {fit.rows.target_uS.max():g} µS"


def _curve(curve: FittedCurve, number: str, origin: str) -> Table:
    valid = [float(curve.g_uS[0]), float(curve.g_uS[-1])]
    if curve.is_constant:
        source = f"{origin}; {_interval(curve)}"
        return _fitted({number: _sane(curve.terms[0]), "valid_uS": valid}, source)
    middle = len(curve.g_uS) // 2
    places = f"{valid[0]:g}, {curve.g_uS[middle]:g} and {valid[1]:g} µS"
    low, at, high = (_with_interval(curve, i) for i in (0, middle, -1))
    source = f"{origin}; {curve.shape.name}: {low}, {at} and {high} µS (95 %, given the form) at {places}"
    if curve.shape.is_polynomial:
        terms = [_sane(term) for term in curve.terms_uS]
        return _fitted({"polynomial": terms, "g_unit_uS": float(curve.g_unit_uS), "valid_uS": valid}, source)
    if curve.shape.kind == "power law":
        coefficient, exponent = (_sane(term) for term in curve.terms)
        law = {"coefficient_uS": coefficient, "exponent": exponent, "g_unit_uS": float(curve.g_unit_uS)}
        return _fitted({"power_law": law, "valid_uS": valid}, source)
    g_uS, values_uS = curve.points_uS
    values = [_sane(value) for value in values_uS]
    key = "sigma_uS" if number == "constant" else "value_uS"
    return _fitted({"table": {"g_uS": g_uS.tolist(), key: values}, "valid_uS": valid}, source)


def _with_interval(curve: FittedCurve, place: int) -> str:
    if not math.isfinite(curve.half_uS[place]):
        return f"{curve.value_uS[place]:.4g}"
    return f"{curve.value_uS[place]:.4g} ± {curve.half_uS[place]:.2g}"


def _log_time(pair: tuple[FittedCurve, FittedCurve], origin: str, no_constant: bool) -> Table:
    constant, per_ln = pair
    told = (("per_ln", per_ln),) if no_constant else (("constant", constant), ("per_ln", per_ln))
    said = [f"{name} {_said(curve)}" for name, curve in told]
    where = "" if constant.is_constant else " in the middle of the targets"
    source = f"{origin}; 95 %, given the form{where}: {', '.join(said)} µS"
    if no_constant:
        source += "; what happens within 1 s is a part of bias_prog_uS"
    if constant.is_constant:
        return _fitted({"constant": _sane(constant.terms[0]), "per_ln": _sane(per_ln.terms[0])}, source)
    powers = {
        f"{name}_polynomial": [_sane(term) for term in curve.terms_uS]
        for name, curve in (("constant", constant), ("per_ln", per_ln))
    }
    valid = [float(constant.g_uS[0]), float(constant.g_uS[-1])]
    return _fitted({**powers, "g_unit_uS": float(constant.g_unit_uS), "valid_uS": valid}, source)


def _said(curve: FittedCurve) -> str:
    one = curve.middle
    return f"{one.low:.3g} to {one.high:.3g}" if math.isfinite(one.low) else f"{one.value:.3g}, interval not told"


def _stuck_tables(fit: DeviceFit) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    levels = {}
    counted = "devices" if fit.rows.named else "rows"
    file = Path(fit.path).name
    for key, level, not_found in zip(("off", "on"), (fit.stuck_off, fit.stuck_on), fit.stuck_not_found, strict=True):
        seen = level or not_found
        if seen is None:
            said = "All targets are alike, so that a stuck cell cannot be told; none"
            tables[f"stuck_{key}_prob"] = _assumed({"value": 0.0}, said)
        else:
            low, high = seen.prob_interval
            said = f"{file}: {seen.n_stuck} of {seen.n_seen} {counted}; 95 %: {low:.3g} to {high:.3g}"
            if seen.n_maybe:
                said += f", were the {seen.n_maybe} {counted} that are far off all stuck"
            tables[f"stuck_{key}_prob"] = _measured({"value": _sane(seen.prob)}, said)
        levels[key] = level
    off = levels["off"]
    g_off = max(off.g_uS, 0.0) if off else 0.0
    on = levels["on"]
    g_on = max(on.g_uS, g_off) if on else max(float(fit.rows.target_uS.max()), g_off)
    assumed = {
        "off": "No cell was found stuck off; an open cell",
        "on": "No cell was found stuck on; the largest target",
    }
    for key, level, g_uS in (("off", off, g_off), ("on", on, g_on)):
        if level is None:
            tables[f"g_stuck_{key}_uS"] = _assumed({"value": g_uS}, assumed[key])
            continue
        said = f"{file}: median of the stuck {counted}; 95 %: {level.g_low_uS:.4g} to {level.g_high_uS:.4g} µS"
        tables[f"g_stuck_{key}_uS"] = _measured({"value": _sane(g_uS)}, said)
    return tables


def _interval(curve: FittedCurve) -> str:
    one = curve.middle
    if not math.isfinite(one.low):
        return "its interval cannot be told"
    return f"95 %, given the form: {one.low:.4g} to {one.high:.4g} µS"


def _fitted(figure: Table, source: str) -> Table:
    return {**figure, "certainty": "fitted", "source": source}


def _measured(figure: Table, source: str) -> Table:
    return {**figure, "certainty": "measured", "source": source}


def _assumed(figure: Table, source: str) -> Table:
    return {**figure, "certainty": "assumed", "source": source}


def _sane(value: float) -> float:
    """A figure as a file may have it."""
    return float(f"{value:.{_DIGITS}g}") if abs(value) >= 1 / LARGEST else 0.0
