"""The answer of a study in plain sentences, every number of them computed from its tables."""

import math
from collections.abc import Sequence

import pandas as pd

from rampjax.report.gain import gain_sentences
from rampjax.report.judge import judge_sentences
from rampjax.report.labels import Value, between, describe, listed, show, slice_text, value_text
from rampjax.report.meta import LEAST_LSB, ReportMeta, measure_label
from rampjax.report.points import View, make_view, select, swept_key
from rampjax.report.sides import NO_NOISE, Side, is_noisy, sides, unknown_noise
from rampjax.report.tables import KINDS, TOTAL, Tables

GOOD_YIELD = 0.99


def answer(meta: ReportMeta, tables: Tables) -> str:
    """Returns the answer in one or two sentences, with the read-noise note where the study has one."""
    return " ".join(answer_sentences(meta, tables))


def answer_sentences(meta: ReportMeta, tables: Tables) -> tuple[str, ...]:
    """Returns the answer, most important sentence first: the headline, what noise adds, and how far it reaches.

    Where columns are both solved and in closed form, all of them are compared first. The headline
    compares two values of the compared key at the slice of `points.make_view`. The worst INL, which is
    static, is never stated without the temporal noise beside it, nor a static yield without the total one.
    """
    view = make_view(meta, tables)
    sentences = [
        *gain_sentences(meta, tables, view),
        *judge_sentences(meta, tables, view),
        _headline(meta, tables, view),
        _noise(meta, tables, view),
        *_reach(meta, tables, view),
        _devices(meta, tables, view),
        meta.read_noise_note,
    ]
    return tuple(sentence for sentence in sentences if sentence)


def percent(fraction: float, ci_low: float, ci_high: float) -> str:
    """Returns "99.8" for a yield, with as many decimals as its interval can tell apart (at most four)."""
    return _trim(100 * fraction, _decimals(ci_low, ci_high))


def percent_interval(ci_low: float, ci_high: float) -> str:
    """Returns "99.7–99.9" for the interval of a yield."""
    decimals = _decimals(ci_low, ci_high)
    return f"{_trim(100 * ci_low, decimals)}–{_trim(100 * ci_high, decimals)}"


def _decimals(ci_low: float, ci_high: float) -> int:
    half_width_percent = 50 * (ci_high - ci_low)
    if not half_width_percent > 0:
        return 1
    return min(max(math.ceil(-math.log10(half_width_percent)), 0), 4)


def _trim(value: float, decimals: int) -> str:
    # 0 and 100 % exactly are worth telling from what only rounds to them
    return f"{value:.0f}" if value in (0.0, 100.0) else f"{value:.{decimals}f}"


def confidence_text(confidence: float) -> str:
    """Returns "95 %" for 0.95."""
    return f"{100 * confidence:g} %"


def count_text(count: float) -> str:
    """Returns a count as text, from ten thousand on with thin spaces: "40 000"."""
    return f"{round(count):,}".replace(",", "\u202f") if count >= 10_000 else f"{round(count)}"


def _subject(view: View) -> str:
    """Returns "at 5 bits, an uncalibrated sigmoid column of taox_paper": all but what is compared."""

    def held(key: str) -> Value | None:
        return view.at(key) if key != view.compare and key in (*view.keys, *view.fixed) else None

    function, device, calibration, bits = (held(key) for key in ("function", "device", "calibration", "bits"))
    named = function is not None and str(function).isidentifier()
    what = "array" if any(key.startswith("array.") for key in view.keys) else "column"
    words = ["uncalibrated" if calibration == "none" else "", str(function) if named else "", what]
    column = " ".join(word for word in words if word)
    parts = [f"{'an' if column[0].lower() in 'aeiou' else 'a'} {column}"]
    parts += [f"for {function}"] if function is not None and not named else []
    parts += [f"of {device}"] if device is not None else []
    parts += [describe("calibration", calibration)] if calibration not in (None, "none") else []
    said = ("function", "device", "calibration", "bits", view.compare)
    rest = {key: view.at(key) for key in view.keys if key not in said}
    parts += [f"({slice_text(rest)})"] if rest else []
    return (f"at {show(bits)} bits, " if bits is not None else "") + " ".join(parts)


def _yield_row(yields: pd.DataFrame, where: dict[str, Value]) -> "pd.Series[float]":
    return select(yields, where).iloc[0]


def _headline(meta: ReportMeta, tables: Tables, view: View) -> str:
    """Says the yields at the slice: the static one and the one with noise, never one of them alone."""
    where = view.where(spec_lsb=view.spec_lsb)
    at_best = {**where, **view.best_point()}
    noisy = is_noisy(tables, at_best)
    said = []
    for place, side in enumerate(sides(meta, noisy)):
        row = _yield_row(side.of(tables.yields), at_best)
        chips = f", {count_text(row['n_samples'])} chips" if place == 0 else ""
        ci = f"{confidence_text(meta.confidence)} CI " if place == 0 else ""
        inside = f"{ci}{percent_interval(row['ci_low'], row['ci_high'])}{chips}"
        words = "" if meta.counts or (not noisy and side.measure == "max_inl_lsb") else f" {side.words}"
        named = inside if meta.counts else f"{measure_label(side.measure)}; {inside}"
        said.append(f"{_share(row)} %{' of chips' if place == 0 else ''}{words} ({named})")
    text = f"{_upper(_subject(view))} {_good(meta, view.spec_lsb)} on {' and on '.join(said)}"
    without = [] if noisy or meta.counts else [NO_NOISE]
    device = {**view.fixed, **at_best}.get("device")
    without = [f"the read noise of {device} is unknown and taken as 0"] if unknown_noise(meta, device) else without
    beside = "".join(f"; {each}" for each in without)
    if view.compare is None or view.best is None or view.against is None:
        return f"{text}{beside}."
    against = _against(meta, tables, view, view.best, view.against)
    return f"{text} {describe(view.compare, view.best)}, against {against}{beside}."


def _good(meta: ReportMeta, spec: float) -> str:
    """Returns what a good chip does: "stays within 0.5 LSB", "has no missing code"."""
    return f"has {meta.spec_text(spec)}" if meta.counts else f"stays {meta.within(spec)}"


def _share(row: "pd.Series[float]") -> str:
    return percent(row["yield_fraction"], row["ci_low"], row["ci_high"])


def _against(meta: ReportMeta, tables: Tables, view: View, best: Value, against: Value) -> str:
    """Returns the yields of what the best is held against, with a caveat where the intervals do not tell them apart."""
    where = view.where(spec_lsb=view.spec_lsb)
    compare = str(view.compare)
    both = sides(meta, is_noisy(tables, {**where, compare: best}))
    shares = []
    for side in both:
        row = _yield_row(side.of(tables.yields), {**where, compare: against})
        words = f" {side.words}" if len(both) > 1 else ""
        shares.append(f"{_share(row)} % ({percent_interval(row['ci_low'], row['ci_high'])}){words}")
    high, low = (_yield_row(tables.yields, {**where, compare: value}) for value in (best, against))
    overlap = high["ci_low"] <= low["ci_high"] and low["ci_low"] <= high["ci_high"]
    caveat = ", a difference that the intervals do not resolve" if overlap else ""
    if overlap and len(both) > 1:
        caveat = f", a difference ({both[0].words}) that the intervals do not resolve"
    return f"{' and '.join(shares)} {describe(compare, against)}{caveat}"


def _reach(meta: ReportMeta, tables: Tables, view: View) -> tuple[str, ...]:
    """Says up to how many bits nearly all chips stay inside, and how far functions, devices and a sweep go."""
    if view.compare is None or view.best is None or view.against is None:
        return ()
    at_spec = view.where(spec_lsb=view.spec_lsb)

    def along(side: Side, key: str, value: Value) -> pd.DataFrame:
        """The yields of one compared value along a key."""
        where = {name: held for name, held in at_spec.items() if name != key} | {str(view.compare): value}
        return side.of(select(tables.yields, where))

    def both(key: str) -> tuple[Side, ...]:
        return sides(meta, is_noisy(tables, {name: held for name, held in at_spec.items() if name != key}))

    ends = tuple((value, describe(view.compare, value)) for value in (view.best, view.against))
    said = []
    if "bits" in view.slice:
        reached = [
            (who, [(side, _bits_reached(along(side, "bits", value))) for side in both("bits")]) for value, who in ends
        ]
        said.append(_bits_text(*reached))
    for names in ("function", "device", "case"):
        if names in view.slice:
            spans = [_named_span(meta, side, along(side, names, view.best), names) for side in both(names)]
            said.append(f"Over the {len(view.values[names])} {names}s {_joined(both(names), spans)}.")
    swept = swept_key([key for key in view.slice if key != "bits"], view.values)
    if swept is not None:
        reach = between(swept, view.values[swept][0], view.values[swept][-1])
        (who, best), (other, against) = (
            (who, [_span(along(side, swept, value), swept) for side in both(swept)]) for value, who in ends
        )
        if len(best) == 1:
            said.append(f"Between {reach}, this share {best[0]} {who}; {other}, it {against[0]}.")
        else:
            said.append(f"Between {reach}, {who}, {_joined(both(swept), best)}.")
            said.append(f"{_upper(other)}, {_joined(both(swept), against)}.")
    return tuple(said)


def _joined(both: Sequence[Side], spans: Sequence[str]) -> str:
    """Returns "the static share ranges from ... to ..., with noise it stays at 0 %"; of one side "this share ..."."""
    if len(both) == 1:
        return f"this share {spans[0]}"
    article = "the share " + both[0].words if " " in both[0].words else f"the {both[0].words} share"
    return f"{article} {spans[0]}; {both[1].words}, it {spans[1]}"


def _named_span(meta: ReportMeta, side: Side, rows: pd.DataFrame, key: str) -> str:
    """Returns the span of a share over names; with noise, over those whose noise is known."""
    known = rows
    if key == "device" and side.measure == KINDS[TOTAL]:
        known = rows[~rows["device"].isin(list(meta.noise_unknown))]
    if known.empty:
        return "is not known, for no device's read noise is"
    left = len(rows) - len(known)
    return _span(known, key) + (f" over the {len(known)} whose read noise is known" if left else "")


def _bits_text(
    best: tuple[str, Sequence[tuple[Side, float | None]]], against: tuple[str, Sequence[tuple[Side, float | None]]]
) -> str:
    who, reached = best
    other, its = against
    if all(bits is None for _, bits in (*reached, *its)):
        return f"At none of the bit widths do {100 * GOOD_YIELD:g} % of chips stay inside, {who} or {other}."

    def limits(held: Sequence[tuple[Side, float | None]]) -> str:
        return " and ".join(
            (f"up to {show(bits)} bits" if bits is not None else "at none of the bit widths")
            + (f" {side.words}" if len(held) > 1 else "")
            for side, bits in held
        )

    share = f"at least {100 * GOOD_YIELD:g} % of chips stay inside {limits(reached)}"
    return f"{_upper(who)}, {share}; {other}, {limits(its)}."


def _devices(meta: ReportMeta, tables: Tables, view: View) -> str:
    """Names the device of smallest total error among those whose read noise is known, and says which are left out."""
    devices = view.values.get("device", ())
    unknown = [device for device in devices if unknown_noise(meta, device)]
    known = [device for device in devices if device not in unknown]
    if not unknown:
        return ""
    left = f"left out: {listed([str(device) for device in unknown])}, whose read noise is unknown and taken as 0"
    where = {**view.where(device=None), **{key: value for key, value in view.best_point().items() if key != "device"}}
    totals = select(tables.summary, {**where, "measure": KINDS[TOTAL]})
    mean = totals.groupby("device")["mean"].mean()
    if len(known) < 2 or not set(known) <= set(mean.index):
        return f"By total error devices cannot be compared ({left})."
    best = min(known, key=lambda device: float(mean[device]))
    others = ", ".join(f"{device} {mean[device]:.3g}" for device in sorted(known, key=lambda d: mean[d])[1:])
    at = (
        f" {describe(view.compare, view.best)}"
        if view.compare not in (None, "device") and view.best is not None
        else ""
    )
    return (
        f"By total RMS error, noise included, {best} is the best of the {len(known)} devices with a known read noise: "
        f"{mean[best]:.3g} LSB{at} (others: {others}); {left}."
    )


def _span(rows: pd.DataFrame, key: str) -> str:
    """Returns the lowest and the highest yield, each with where it is: "ranges from 12 % (sin) to 99 % (tanh)"."""
    shares = rows["yield_fraction"]
    texts, places = [], []
    for extreme in (shares.min(), shares.max()):
        there = rows[shares == extreme]
        first = there.iloc[0]
        texts.append(f"{_share(first)} %")
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        places.append(f"{value_text(key, there[key].tolist()[0])}{others}")
    if texts[0] == texts[1]:
        return f"stays at {texts[0]}"
    return f"ranges from {texts[0]} ({places[0]}) to {texts[1]} ({places[1]})"


def _bits_reached(rows: pd.DataFrame) -> float | None:
    """Returns up to how many bits, from the fewest on without a gap, the yield is good; None where it never is."""
    reached = None
    for _, row in rows.sort_values("bits").iterrows():
        if row["yield_fraction"] < GOOD_YIELD:
            break
        reached = float(row["bits"])
    return reached


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _noise(meta: ReportMeta, tables: Tables, view: View) -> str:
    """States the mean worst INL beside noise and total error; nothing where the noise was not measured."""
    where = {**view.where(), **view.best_point()}
    who = "Its"
    if view.compare is not None and view.best is not None:
        who = f"{_upper(describe(view.compare, view.best))}, its"
    means = select(tables.summary, where).drop_duplicates("measure").set_index("measure")["mean"]
    if "noise_rms_lsb" not in means.index:
        return ""
    noise = means["noise_rms_lsb"]
    static = f"worst INL, which is static, averages {means['max_inl_lsb']:.3g} LSB" if "max_inl_lsb" in means else ""
    total = means.get("total_rmse_lsb")
    if noise <= LEAST_LSB:  # which the headline has said, but for one of counts
        without = f"; {NO_NOISE}" if meta.counts else ""
        text = f"{who} {static}{without}" if static else _upper(NO_NOISE)
    else:
        text = f"{who} {static}; temporal noise adds {noise:.3g} LSB rms" if static else ""
        text = text or f"{who} temporal noise is {noise:.3g} LSB rms"
        text += f", and the total RMS error averages {total:.3g} LSB" if total is not None else ""
    undecided = means.get("metastable_probability", 0.0)
    # a good static error says nothing where the comparator does not decide
    metastable = f"; it leaves {100 * undecided:.3g} % of its decisions metastable" if undecided > 0 else ""
    return f"{text}{metastable}."
