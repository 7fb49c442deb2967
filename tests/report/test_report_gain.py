"""Solved against closed form: every number of sentence, table and figure is that of the tables, case by case."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from rampjax.report import style
from rampjax.report.answer import answer_sentences
from rampjax.report.figures import draw_figures
from rampjax.report.gain import CLOSED_FORM, SOLVED, columns_text, gain_sentences, gains, has_gain
from rampjax.report.gain_page import draw_gain, gain_grid
from rampjax.report.page import build_report
from rampjax.report.points import make_view, select
from rampjax.report.trend import draw_trend

FACTOR = {"published": 1.0, "closed_form": 0.5, "solved": 0.2}
FUNCTIONS, BITS = ["sigmoid", "sin"], [3, 4, 5]


def with_errors(made, error):
    """Gives every point a mean worst INL with a narrow interval: a function of its row."""
    meta, tables = made
    summary = tables.summary.copy()
    rows = summary["measure"] == "max_inl_lsb"
    means = summary[rows].apply(error, axis=1)
    summary.loc[rows, "mean"], summary.loc[rows, "mean_ci_low"] = means, 0.99 * means
    summary.loc[rows, "mean_ci_high"] = 1.01 * means
    return meta, dataclasses.replace(tables, summary=summary)


@pytest.fixture(scope="module")
def solved(make):
    """Two functions at three resolutions, two cases, three methods; solving helps in one of the cases alone."""
    vary = {"function": FUNCTIONS, "bits": BITS, "case": ["ideal", "realistic"], "method": list(FACTOR)}

    def error(row):
        helps = row["case"] == "realistic" or row["method"] == "published"
        return 0.01 * 2.0 ** row["bits"] * (FACTOR[row["method"]] if helps else 0.5)

    return with_errors(make(n_chips=40, specs=(0.1, 0.25, 0.5), **vary), error)


def test_a_row_for_every_column_and_case(solved):
    meta, tables = solved
    view = make_view(meta, tables)
    table = gains(meta, tables, view)
    assert len(table) == 2 * 3 * 2
    for _, row in table.iterrows():
        where = {key: row[key] for key in ("function", "bits", "case")}
        for method in FACTOR:
            rows = select(tables.summary, {**where, "method": method}).set_index("measure")
            assert row[method] == rows.loc["max_inl_lsb", "mean"]
            assert row[f"{method}_noise"] == rows.loc["noise_rms_lsb", "mean"]
    assert columns_text(view) == "2 functions, 3 bit widths"


MEAN = ("mean", "mean_ci_low", "mean_ci_high")


def with_beside(made, noise, total):
    """Gives every point a temporal noise and a total RMS error: functions of its row."""
    meta, tables = made
    summary = tables.summary[~tables.summary["measure"].isin(["noise_rms_lsb", "total_rmse_lsb"])]
    points = summary[summary["measure"] == "max_inl_lsb"]
    added = [
        points.assign(measure=measure, **{part: points.apply(value, axis=1) for part in MEAN})
        for measure, value in (("noise_rms_lsb", noise), ("total_rmse_lsb", total))
    ]
    return meta, dataclasses.replace(tables, summary=pd.concat([summary, *added], ignore_index=True))


ASSUMED = "The figures of the cases are assumed, not measured on a chip."


def test_the_sentences_compare_all_columns_case_by_case(solved):
    def noise(row):
        return (
            0.0 if row["case"] == "ideal" else {"published": 0.055, "closed_form": 0.05, "solved": 0.053}[row["method"]]
        )

    made = with_beside(solved, noise, lambda row: 0.294 if row["method"] == "solved" else 0.3)
    said = gain_sentences(*made, make_view(*made))
    assert said == (
        "Solved against closed form in the ideal case, medians over 6 columns (2 functions, 3 bit widths): worst INL, "
        "static, 0.0800 → 0.0800 LSB (unchanged), temporal noise 0, total RMS error 0.300 → 0.294 LSB (2 % lower); as "
        "published 0.160, 0 and 0.300.",
        "Beyond the intervals, the worst INL is lower on 0 and higher on 0 of 6 columns, the total RMS error is lower "
        "on 6 and higher on 0.",
        "Solved against closed form in the realistic case, medians over 6 columns: worst INL, static, 0.0800 → 0.0320 "
        "LSB (60 % lower), temporal noise 0.0500 → 0.0530 LSB rms, total RMS error 0.300 → 0.294 LSB (2 % lower); as "
        "published 0.160, 0.0550 and 0.300.",
        "Beyond the intervals, the worst INL is lower on 6 and higher on 0 of 6 columns, the total RMS error is lower "
        "on 6 and higher on 0.",
        ASSUMED,
    )
    assert answer_sentences(*made)[:5] == said


def test_of_a_study_of_the_total_error_the_static_one_is_said_too(solved):
    meta, tables = solved
    made = dataclasses.replace(meta, yield_of="total_rmse_lsb"), tables
    said = gain_sentences(*made, make_view(*made))
    assert "worst INL, static, 0.0800 → 0.0320 LSB (60 % lower)" in said[2]
    table = gains(*made, make_view(*made)).query("case == 'realistic'")
    assert f"total RMS error {table[CLOSED_FORM].median():.3f} → {table[SOLVED].median():.3f} LSB" in said[2]


def test_a_loss_is_counted(make):
    made = make(n_chips=30, noise=False, function=FUNCTIONS, method=["closed_form", "solved"])
    meta, tables = with_errors(made, lambda row: 0.2 if row["method"] == "solved" else 0.1)
    said = gain_sentences(meta, tables, make_view(meta, tables))
    assert said[0].startswith(
        "Solved against closed form, medians over 2 columns (2 functions): worst INL, static, 0.100 → 0.200 LSB (100 % "
        "higher), temporal noise 0, total RMS error "
    )
    assert said[1].startswith("Beyond the intervals, the worst INL is lower on 0 and higher on 2 of 2 columns, ")
    assert len(said) == 2


def test_nothing_is_said_without_both_methods(make, study):
    for made in (
        study,
        make(n_chips=30, bits=[4, 5], method=["published", "closed_form"]),
        make(n_chips=30, method=["closed_form", "solved"]),
    ):
        view = make_view(*made)
        assert not has_gain(view)
        assert gain_sentences(*made, view) == ()
        assert "gain" not in [figure.name for figure in draw_figures(*made)]


def test_the_table_has_every_method_and_the_noise_of_each_case(solved):
    grid = gain_grid(*solved, make_view(*solved))
    assert grid.row_heads == ("function", "bits")
    assert grid.column_heads == tuple(
        f"{case} case\n{name}"
        for case in ("ideal", "realistic")
        for name in ("published layout", "closed form", "solved")
    )
    assert len(grid.rows) == 6
    assert [row.span for row in grid.rows] == [3, 0, 0, 3, 0, 0]
    first = grid.rows[0].cells
    assert [cell.main for cell in first[:3]] == ["0.0800", "0.0400", "0.0400"]
    assert [cell.main for cell in first[3:]] == ["0.0800", "0.0400", "0.0160"]
    assert [cell.shade is not None for cell in first] == [False] * 5 + [True]
    table = gains(*solved, make_view(*solved)).set_index(["function", "bits", "case"]).loc[("sigmoid", 3, "ideal")]
    assert [cell.small for cell in first[:3]] == [
        f"noise {table[f'{method}_noise']:.3f}\ntotal {table[f'{method}_total']:.3f}" for method in FACTOR
    ]
    assert "Small: its temporal noise, rms and its total RMS error, in LSB." in grid.note
    assert "Shaded: lower than in closed form, beyond the 95 % confidence intervals." in grid.note


def test_the_figure_shows_quartiles_of_the_columns(solved):
    meta, tables = solved
    view = make_view(meta, tables)
    with style.figure_look():
        figure, caption, _ = draw_gain(meta, tables, view)
        figure.canvas.draw()
    titles = [ax.get_title("left") for ax in figure.axes[:3]]
    assert titles == ["Worst INL, static", "Temporal noise, rms", "Total RMS error"]
    table = gains(meta, tables, view)
    for row, case in enumerate(("ideal", "realistic")):
        of_case = table[table["case"] == case]
        for ax, ending in zip(figure.axes[3 * row : 3 * row + 3], ("", "_noise", "_total"), strict=True):
            drawn = sorted(float(line.get_ydata()[0]) for line in ax.lines if len(line.get_ydata()) == 1)
            medians = [of_case[of_case["bits"] == bits][f"{m}{ending}"].median() for bits in BITS for m in FACTOR]
            np.testing.assert_allclose(drawn, sorted(medians))
        assert figure.axes[3 * row].get_ylabel() == f"{case} case\nLSB"
    assert [text.get_text() for text in figure.axes[3].get_xticklabels()] == ["3", "4", "5"]
    assert "6 columns (2 functions, 3 bit widths)" in caption
    assert "over the 2 columns at each value of bits" in caption
    low, high = figure.axes[0].get_ylim()
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels() if low <= text.get_position()[1] <= high]
    assert {"0.02", "0.05", "0.1", "0.2", "0.5"} <= set(ticks)
    assert legend_of(figure) == ["published layout", "closed form", "solved", "quartiles and median", "spec, 0.5 LSB"]


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_one_column_a_place_is_a_dot(make):
    made = make(n_chips=30, noise=False, bits=BITS, method=["closed_form", "solved"])
    with style.figure_look():
        figure, caption, _ = draw_gain(*made, make_view(*made))
    assert len(figure.axes) == 1
    assert not figure.axes[0].collections
    assert legend_of(figure) == ["closed form", "solved", "spec, 0.5 LSB"]
    assert (figure.axes[0].get_title("left"), figure.axes[0].get_ylabel()) == ("Worst INL, static", "LSB")
    assert "No temporal noise was simulated." in caption
    assert "3 columns (3 bit widths): one column at each value of bits." in caption


def test_the_trend_has_a_panel_per_case(solved):
    view = make_view(*solved)
    assert (view.compare, view.slice["bits"]) == ("method", 4)
    with style.figure_look():
        figure, _, _ = draw_trend(*solved, view)
    assert [ax.get_title("left") for ax in figure.axes[:2]] == ["ideal case", "realistic case"]


def test_the_slice_is_the_case_that_tells_more(solved):
    meta, tables = solved
    yields = tables.yields.copy()
    for method, share in (("published", 0.1), ("closed_form", 0.5), ("solved", 0.9)):
        rows = yields["method"] == method
        yields.loc[rows, "yield_fraction"] = np.where(yields.loc[rows, "case"] == "ideal", 1.0, share)
    view = make_view(meta, dataclasses.replace(tables, yields=yields))
    assert (view.slice["case"], view.best, view.against) == ("realistic", "solved", "closed_form")


def test_the_page_has_table_and_figure(solved, tmp_path):
    page = build_report(tmp_path, *solved).read_text()
    assert "<h2>Closed form and solved</h2>" in page
    assert "Solved against closed form" in page
    assert ASSUMED in page
    assert (tmp_path / "figures" / "gain.png").exists()


def test_a_figure_that_cannot_be_drawn_is_named(make, tmp_path):
    meta, tables = make(n_chips=30, calibration=["none", "ramp_aware"])
    page = build_report(tmp_path, dataclasses.replace(meta, figures=("gain", "trend")), tables).read_text()
    assert "No gain is drawn: it needs several columns, each both solved and in closed form." in page
    assert "No trend is drawn" in page


def test_what_the_case_decides_is_no_key_of_its_own(make):
    meta, tables = make(n_chips=30, bits=[4, 5], case=["a", "b"], method=["closed_form", "solved"])
    frames = {
        name: getattr(tables, name).assign(device=np.where(getattr(tables, name)["case"] == "a", "x", "y"))
        for name in ("summary", "yields", "curves", "bands")
    }
    view = make_view(meta, dataclasses.replace(tables, **frames))
    assert set(view.keys) == {"bits", "case", "method"}
    assert "device" not in view.fixed
    assert gains(meta, dataclasses.replace(tables, **frames), view)[SOLVED].notna().all()
    assert isinstance(gains(meta, tables, make_view(meta, tables))[CLOSED_FORM], pd.Series)
