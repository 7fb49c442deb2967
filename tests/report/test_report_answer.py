"""The answer: every number in it comes from the tables, and noise stands beside the worst INL."""

import dataclasses

import numpy as np
import pytest

from rampjax.checks import InputError
from rampjax.report.answer import answer, answer_sentences, count_text, percent, percent_interval
from rampjax.report.points import make_view, middle, select
from rampjax.report.tables import Tables, kind_columns


def with_yields(tables: Tables, shares: dict[str, tuple[float, float, float]]) -> Tables:
    """Puts known yields and intervals in the place of the simulated ones, at every spec."""
    yields = tables.yields.copy()
    for calibration, values in shares.items():
        yields.loc[yields["calibration"] == calibration, ["yield_fraction", "ci_low", "ci_high"]] = values
    return dataclasses.replace(tables, yields=yields)


def test_compares_the_best_with_none(make):
    meta, tables = make(n_chips=50, calibration=["none", "one_point", "ramp_aware"])
    tables = with_yields(
        tables, {"none": (0.61, 0.6, 0.62), "one_point": (0.9, 0.89, 0.91), "ramp_aware": (0.998, 0.997, 0.999)}
    )
    assert answer_sentences(meta, tables)[0] == (
        "At 5 bits, a sigmoid column of taox_paper stays within 0.5 LSB on 99.8 % of chips static (worst INL; 95 % CI "
        "99.7–99.9, 50 chips) and on 0 % with noise (total RMS error; 0–7) with ramp_aware, against 61 % (60–62) "
        "static and 0 % (0–7) with noise uncalibrated."
    )


def with_total(tables: Tables, share: float) -> Tables:
    """Puts a known total yield in the place of the simulated one, everywhere."""
    values = dict(zip(kind_columns("total"), (share, share - 0.02, share + 0.02), strict=True))
    return dataclasses.replace(tables, yields=tables.yields.assign(**values))


def test_the_total_yield_is_that_of_its_columns(make):
    meta, tables = make(n_chips=50, calibration=["ramp_aware"])
    assert "and on 37 % with noise (total RMS error; 35–39)" in answer_sentences(meta, with_total(tables, 0.37))[0]
    swapped = dataclasses.replace(meta, yield_of="total_rmse_lsb")
    said = answer_sentences(swapped, with_yields(with_total(tables, 0.37), {"ramp_aware": (0.37, 0.35, 0.39)}))[0]
    assert "on 37 % of chips with noise (total RMS error; 95 % CI 35–39, 50 chips) and on 100 % static (worst" in said


def test_without_noise_no_total_yield_is_said(make):
    text = answer(*make(n_chips=50, noise=False, calibration=["none", "ramp_aware"]))
    assert "with noise" not in text
    assert text.count("no temporal noise was simulated") == 1


def test_a_device_of_unknown_read_noise_says_so(make):
    meta, tables = make(n_chips=50, noise=False, calibration=["ramp_aware"])
    text = answer(dataclasses.replace(meta, noise_unknown=("taox_paper",)), tables)
    assert "; the read noise of taox_paper is unknown and taken as 0." in text
    assert "no temporal noise was simulated" not in text


def test_devices_of_unknown_read_noise_are_left_out_of_the_best(make):
    meta, tables = make(n_chips=50, device=["a", "b", "c"], calibration=["none", "ramp_aware"])
    total = {"a": 0.7, "b": 0.6, "c": 0.3}
    rows = tables.summary["measure"] == "total_rmse_lsb"
    summary = tables.summary.copy()
    summary.loc[rows, "mean"] = summary[rows]["device"].map(total)
    tables = with_total(dataclasses.replace(tables, summary=summary), 0.37)
    text = answer(dataclasses.replace(meta, noise_unknown=("c",)), tables)
    assert (
        "By total RMS error, noise included, b is the best of the 2 devices with a known read noise: 0.6 LSB with "
        "ramp_aware (others: a 0.7); left out: c, whose read noise is unknown and taken as 0."
    ) in text
    assert "with noise, it stays at 37 % over the 2 whose read noise is known." in text
    assert "By total" not in answer(meta, tables)
    assert "(left out: b and c, whose" in answer(dataclasses.replace(meta, noise_unknown=("b", "c")), tables)


@pytest.mark.parametrize(
    ("spec", "words"),
    [(0.0, "has no missing code"), (1.0, "has at most 1 missing code"), (3.0, "has at most 3 missing codes")],
)
def test_a_yield_of_missing_codes_counts(make, spec, words):
    meta, tables = make(n_chips=50, specs=(spec,), yield_of="missing_codes", calibration=["none", "ramp_aware"])
    tables = with_yields(tables, {"none": (0.61, 0.6, 0.62), "ramp_aware": (0.998, 0.997, 0.999)})
    first, second = answer_sentences(meta, tables)[:2]
    assert first == (
        f"At 5 bits, a sigmoid column of taox_paper {words} on 99.8 % of chips (95 % CI 99.7–99.9, 50 chips) with "
        "ramp_aware, against 61 % (60–62) uncalibrated."
    )
    assert "temporal noise adds" in second
    assert "total RMS error averages" in second


def test_the_headline_of_counts_is_the_smallest(make):
    meta, tables = make(n_chips=20, specs=(0.0, 1.0, 4.0), yield_of="missing_codes")
    assert make_view(meta, tables).spec_lsb == 0.0
    with pytest.raises(InputError, match="whole numbers"):
        dataclasses.replace(meta, specs_lsb=(0.5,))


def test_a_single_point_compares_nothing(single):
    meta, tables = single
    row = select(tables.yields, {"spec_lsb": 0.5}).iloc[0]
    share = percent(row["yield_fraction"], row["ci_low"], row["ci_high"])
    text = answer(meta, tables)
    assert f"a sigmoid column of taox_paper with ramp_aware stays within 0.5 LSB on {share} % of chips static" in text
    assert "against" not in text
    assert text.endswith("Calibrations measure without noise (n_reads = 0).")


def test_best_none_is_held_against_the_worst(make):
    meta, tables = make(n_chips=50, calibration=["none", "one_point", "ramp_aware"])
    tables = with_yields(
        tables, {"none": (0.9, 0.85, 0.95), "one_point": (0.8, 0.7, 0.86), "ramp_aware": (0.85, 0.8, 0.9)}
    )
    first = answer_sentences(meta, tables)[0]
    assert "uncalibrated, against 80 % (70–86) static and 0 % (0–7) with noise with one_point" in first
    assert "a difference (static) that the intervals do not resolve" in first


def test_worst_inl_never_without_noise(study, make):
    meta, tables = study
    view = make_view(meta, tables)
    at_best = select(tables.summary, {**view.slice, **view.best_point()}).set_index("measure")["mean"]
    said = next(sentence for sentence in answer_sentences(meta, tables) if "averages" in sentence)
    assert f"averages {at_best['max_inl_lsb']:.3g} LSB" in said
    assert f"temporal noise adds {at_best['noise_rms_lsb']:.3g} LSB rms" in said
    assert f"the total RMS error averages {at_best['total_rmse_lsb']:.3g} LSB" in said


def test_bits_reached_stops_at_the_first_gap(make):
    meta, tables = make(n_chips=50, bits=[3, 4, 5, 6], calibration=["none", "ramp_aware"])
    yields = tables.yields.copy()
    for bits, share in {3: 1.0, 4: 0.99, 5: 0.5, 6: 1.0}.items():
        yields.loc[(yields["bits"] == bits) & (yields["calibration"] == "ramp_aware"), "yield_fraction"] = share
    yields.loc[yields["calibration"] == "none", "yield_fraction"] = 0.3
    text = answer(meta, dataclasses.replace(tables, yields=yields))
    assert (
        "With ramp_aware, at least 99 % of chips stay inside up to 4 bits static and at none of the bit widths with "
        "noise; uncalibrated, at none of the bit widths static and at none of the bit widths with noise." in text
    )
    yields["yield_fraction"] *= 0.5
    text = answer(meta, dataclasses.replace(tables, yields=yields))
    assert "At none of the bit widths do 99 % of chips stay inside, with ramp_aware or uncalibrated." in text


def test_functions_range_from_worst_to_best(make):
    meta, tables = make(n_chips=50, function=["sin", "tanh", "sigmoid"], calibration=["none", "one_point"])
    rows = select(tables.yields, {"spec_lsb": 0.5, "calibration": "one_point"}).set_index("function")["yield_fraction"]
    text = answer(meta, tables)
    assert "Over the 3 functions the static share ranges from" in text
    assert "; with noise, it stays at 0 %." in text
    best = " and 1 more" if (rows == rows.max()).sum() == 2 else ""
    assert text.index(f"({rows.idxmin()})") < text.index(f"({rows.idxmax()}{best})")
    meta, tables = make(n_chips=50, function=["tanh", "sigmoid"], bits=[3], calibration=["none", "ramp_aware"])
    assert "Over the 2 functions the static share stays at 100 %; with noise, it stays at 0 %." in answer(meta, tables)


@pytest.mark.parametrize(
    ("vary", "phrase"),
    [
        ({"sigma": [1.0, 2.67, 4.0]}, "at programming error σ = 1 µS, against"),
        ({"function": ["tanh", "sin"]}, "an uncalibrated column of taox_paper stays within 0.5 LSB"),
        ({"bits": [3, 8]}, "An uncalibrated sigmoid column of taox_paper stays within 0.5 LSB"),
        ({"device": ["taox_paper", "ihp_hfo2_milo"]}, "an uncalibrated sigmoid column stays"),
        ({"levels": ["midrise", "zero"]}, "with midrise levels"),
    ],
)
def test_whatever_varies_is_compared(make, vary, phrase):
    assert phrase in answer(*make(n_chips=40, **vary))


def test_other_measures_and_expressions_are_named(make):
    meta, tables = make(n_chips=40)
    frames = {name: getattr(tables, name).assign(function="x*x+1") for name in ("summary", "yields", "curves", "bands")}
    text = answer(dataclasses.replace(meta, yield_of="total_rmse_lsb", confidence=0.999), Tables(**frames))
    assert "an uncalibrated column for x*x+1 of taox_paper stays within 0.5 LSB" in text
    assert "with noise (total RMS error; 99.9 % CI" in text
    assert "static (worst INL; " in text


def test_headline_spec_is_half_a_step_or_the_middle(make):
    assert make_view(*make(n_chips=20, specs=(0.25, 0.5, 1.0))).spec_lsb == 0.5
    assert make_view(*make(n_chips=20, specs=(1.0, 2.0, 4.0))).spec_lsb == 2.0


def test_view_slices_in_the_middle_of_numbers_and_at_the_first_name(make):
    view = make_view(*make(n_chips=20, function=["tanh", "sin"], bits=[8, 3, 5], calibration=["one_point", "none"]))
    assert view.compare == "calibration"
    assert view.slice == {"function": "tanh", "bits": 5}
    assert view.against == "none"
    assert middle((1.0, 2.0)) == 1.0


@pytest.mark.parametrize(
    ("fraction", "low", "high", "text", "interval"),
    [
        (0.998, 0.997, 0.999, "99.8", "99.7–99.9"),
        (1.0, 0.9999, 1.0, "100", "99.990–100"),
        (0.0, 0.0, 0.001, "0", "0–0.10"),
        (0.5, 0.4, 0.6, "50", "40–60"),
        (0.123456, 0.12345, 0.12346, "12.3456", "12.3450–12.3460"),
        (0.5, 0.5, 0.5, "50.0", "50.0–50.0"),
        (0.5, np.nan, np.nan, "50.0", "nan–nan"),
    ],
)
def test_as_many_digits_as_the_interval_tells_apart(fraction, low, high, text, interval):
    assert percent(fraction, low, high) == text
    assert percent_interval(low, high) == interval


def test_counts_have_thin_spaces():
    assert count_text(400) == "400"
    assert count_text(40_000) == "40\u202f000"
