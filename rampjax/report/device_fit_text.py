"""A device fitted to measured conductances, as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from rampjax.report.text import table_lines

_NOT_NORMAL = 0.01


def device_fit_text(record: Mapping[str, Any]) -> str:
    """Returns the text of a fit; `record` is what `rampjax device fit --json` prints."""
    head = [
        f"{record['file']}: {record['rows']} rows, {record['programming_events']} programming events fitted, targets "
        f"from {record['g_min_uS']:g} to {record['g_max_uS']:g} µS",
        f"  set apart        {record['stuck_rows']} rows of stuck cells, {record['outlier_rows']} outliers",
        f"  failed writes    {_failed(record)}",
        f"  mean error       {_curve(record, 'bias_prog')}",
        f"  its spread σ     {_curve(record, 'sigma_prog')}",
        f"  read noise σ     {_curve(record, 'sigma_read')}",
        f"  stuck off        {_stuck(record, 'off')}",
        f"  stuck on         {_stuck(record, 'on')}",
    ]
    if record["relax_mean_per_ln_uS"] is not None:
        head.append(f"  relaxation       mean {_log_time(record, 'relax_mean')}")
    if record["relax_sigma_per_ln_uS"] is not None:
        head.append(f"                   σ {_log_time(record, 'relax_sigma')}")
    head.append(f"  errors normal?   {_normal(record)}")
    rows = [
        (f"{g_uS:.4g}", *(_with_interval(record, name, i) for name in _curves(record)))
        for i, g_uS in enumerate(record["g_uS"])
    ]
    titles = ("g (µS)", *_curves(record).values())
    return "\n".join(
        [*head, "", "With intervals of 95 %, given the form that was chosen, in µS:", *table_lines(titles, rows)]
    )


def _curves(record: Mapping[str, Any]) -> dict[str, str]:
    all_ = {"bias_prog": "mean error", "sigma_prog": "σ programming", "sigma_read": "σ read"}
    return {name: title for name, title in all_.items() if record[f"{name}_uS"] is not None}


def _with_interval(record: Mapping[str, Any], name: str, i: int) -> str:
    value = record[f"{name}_uS"][i]
    if record[f"{name}_uS_ci_low"] is None:
        return f"{value:.3f} (not told)"
    low, high = (record[f"{name}_uS{part}"][i] for part in ("_ci_low", "_ci_high"))
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _curve(record: Mapping[str, Any], name: str) -> str:
    form = record[f"{name}_form"]
    if form is None:
        return "not told by these data"
    if form == "constant":
        low, high = record[f"{name}_uS_ci_low"], record[f"{name}_uS_ci_high"]
        interval = f" ({low[0]:.4g} to {high[0]:.4g})" if low else ", its interval cannot be told"
        return f"{form}, {record[f'{name}_terms_uS'][0]:.4g} µS{interval}"
    ends = " to ".join(f"{record[f'{name}_uS'][i]:.4g}" for i in (0, -1))
    return f"{form}, {ends} µS from the smallest target to the largest"


def _log_time(record: Mapping[str, Any], name: str) -> str:
    constant, per_ln = record[f"{name}_constant_uS"], record[f"{name}_per_ln_uS"]
    low, high = record[f"{name}_per_ln_uS_ci_low"], record[f"{name}_per_ln_uS_ci_high"]
    slope = "slope's interval cannot be told" if low is None else f"slope {low:.3g} to {high:.3g}"
    t0_s = record["relax_t0_s"]
    said = f"{constant:.3g} {'-' if per_ln < 0 else '+'} {abs(per_ln):.3g} ln(t / 1 s) µS; {slope}"
    if t0_s != 1:
        said += f"; from {t0_s:g} s on"
    by_g = record[f"{name}_per_ln_by_g_uS"]
    if by_g[0] != by_g[-1]:
        said += f"; in the middle of the targets, at their ends slopes of {by_g[0]:.3g} and {by_g[-1]:.3g}"
    return said


def _failed(record: Mapping[str, Any]) -> str:
    if not record["failed"]:
        return "none that could be told from accidents"
    low, high = 100 * record["failed_prob_ci_low"], 100 * record["failed_prob_ci_high"]
    said = f"{record['failed']} of {record['failed_of']} programming events ({low:.2g} % to {high:.2g} %)"
    if len(record["failed_prob_by_g"]) > 1:
        stretches = zip(record["failed_prob_by_g"], record["failed_from_g_uS"], record["failed_to_g_uS"], strict=True)
        said += ": " + ", ".join(f"{100 * p:.2g} % from {a:.4g} to {b:.4g} µS" for p, a, b in stretches)
    return said


def _stuck(record: Mapping[str, Any], name: str) -> str:
    n, of = record[f"stuck_{name}"], record[f"stuck_{name}_of"]
    if record[f"stuck_{name}_prob"] is None:
        return "not told by these data"
    low, high = record[f"stuck_{name}_prob_ci"]
    said = f"{n} of {of} {record['stuck_counted']} ({100 * low:.2g} % to {100 * high:.2g} %)"
    if record[f"stuck_{name}_maybe"]:
        said += f"; {record[f'stuck_{name}_maybe']} far-off {record['stuck_counted']} may be stuck cells"
    g_uS = record[f"g_stuck_{name}_uS"]
    return said if g_uS is None else f"{said}, at {g_uS:.4g} µS"


def _normal(record: Mapping[str, Any]) -> str:
    p, distance = record["ks_p_value"], record["ks_distance"]
    if p is None:
        return "they have no spread"
    verdict = "no: --sampler empirical draws them as measured" if p < _NOT_NORMAL else "nothing speaks against it"
    if p < _NOT_NORMAL and record["sampler"] == "empirical":
        verdict = "no; they are drawn as measured"
    return f"{verdict} (Kolmogorov-Smirnov distance {distance:.3f}, p = {p:.3g}, {record['ks_n']} errors)"
