"""The figure of a sweep: the numbers of the tables at the right places, and what has no logarithm set apart."""

import dataclasses

import numpy as np
import pytest

from rampjax.report import style
from rampjax.report.answer import answer_sentences
from rampjax.report.page import build_report
from rampjax.report.page_tables import MAX_ROWS, Cell, mean_cell, measure_grid, yield_grids
from rampjax.report.points import make_view, select
from rampjax.report.sweep_axis import sweep_axis
from rampjax.report.tables import Tables
from rampjax.report.trend import draw_trend, trend_key

NAMES = ("summary", "yields", "curves", "bands")


def sweep_of(make, key, values, **vary):
    """A made-up study whose swept number has another name and other values."""
    meta, tables = make(n_chips=60, sigma=[float(i) for i in range(1, len(values) + 1)], **vary)
    names = dict(zip([float(i) for i in range(1, len(values) + 1)], values, strict=True))
    frames = {}
    for name in NAMES:
        frame = getattr(tables, name)
        frame = frame.assign(**{"device.sigma_prog_uS": frame["device.sigma_prog_uS"].map(names)})
        frames[name] = frame.rename(columns={"device.sigma_prog_uS": key})
    varied = tuple(key if varied == "device.sigma_prog_uS" else varied for varied in meta.varied)
    return dataclasses.replace(meta, varied=varied), Tables(**frames)


def drawn(meta, tables):
    view = make_view(meta, tables)
    with style.figure_look():
        figure, caption, _ = draw_trend(meta, tables, view)
        figure.canvas.draw()
    return figure, caption, view


def ticks(ax):
    return [text.get_text() for text in ax.get_xticklabels() if text.get_text()]


def test_lines_are_the_table(make):
    values = [-0.2, -0.1, 0.0, 0.1]
    meta, tables = sweep_of(make, "operation.v_read_change_rel", values, calibration=["none", "ramp_aware"])
    figure, caption, view = drawn(meta, tables)
    assert trend_key(view) == "operation.v_read_change_rel"
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "Mean worst INL (LSB)",
        *(f"Chips within {spec} LSB (%)" for spec in (0.25, 0.5, 1)),
    ]
    assert figure.axes[2].get_xlabel() == "Change of the read voltage (relative)"
    for ax, frame, column in (
        (figure.axes[0], select(tables.summary, {"measure": "max_inl_lsb"}), "mean"),
        (figure.axes[2], select(tables.yields, {"spec_lsb": 0.5}), "yield_fraction"),
    ):
        for calibration, line in zip(["none", "ramp_aware"], ax.lines, strict=False):
            np.testing.assert_allclose(line.get_xdata(), values)
            np.testing.assert_allclose(line.get_ydata(), select(frame, {"calibration": calibration})[column])
    assert "temporal noise" in caption
    assert "temporal noise, rms" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_noise_is_not_drawn_where_there_is_none(make):
    meta, tables = sweep_of(make, "array.n_columns", [1, 2, 3], calibration=["none", "ramp_aware"])
    still = tables.summary["mean"].where(tables.summary["measure"] != "noise_rms_lsb", 1e-9)
    figure, caption, _ = drawn(meta, dataclasses.replace(tables, summary=tables.summary.assign(mean=still)))
    assert "No temporal noise was simulated" in caption
    assert "temporal noise, rms" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_noise_free_reads_are_beyond_the_largest_number(make):
    meta, tables = sweep_of(make, "n_reads", [1, 16, 1000, 0], calibration=["none", "ramp_aware"])
    figure, caption, view = drawn(meta, tables)
    assert view.values["n_reads"] == (1, 16, 1000, 0)
    assert ticks(figure.axes[3]) == ["1", "16", "1000", "∞"]
    assert max(figure.axes[0].lines[0].get_xdata()) == pytest.approx(3.0)
    assert "noise-free measurement" in caption


def test_a_fresh_chip_is_set_apart_from_the_ages(make):
    meta, tables = sweep_of(make, "operation.age_s", [0.0, 1.0, 3600.0, 86_400.0], calibration=["none", "one_point"])
    figure, _, view = drawn(meta, tables)
    assert view.slice == {"operation.age_s": 1.0}
    assert ticks(figure.axes[3]) == ["1 s", "1 h", "1 d", "0 s"]
    assert figure.axes[3].get_xlabel() == "Age"
    assert figure.axes[0].get_xlim()[0] < 0


def test_another_key_makes_columns(make):
    vary = {"calibration": ["none", "ramp_aware"], "bits": [3, 4]}
    meta, tables = sweep_of(make, "comparator.tau_latch_ns", [0.02, 0.05, 0.1, 0.2], **vary)
    figure, _, view = drawn(meta, tables)
    assert trend_key(view) == "comparator.tau_latch_ns"
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["3 bits", "4 bits", "", ""]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[2].get_ylabel() == "Chips within 0.5 LSB (%)"


@pytest.mark.parametrize(
    ("vary", "key"),
    [
        ({"bits": [3, 4, 5]}, "bits"),
        ({"bits": [3, 4, 5], "sigma": [1.0, 2.0, 3.0]}, "device.sigma_prog_uS"),
        ({"bits": [3, 4], "sigma": [1.0, 2.0]}, None),
        ({"function": ["tanh", "sin"]}, None),
    ],
)
def test_what_is_drawn_along(make, vary, key):
    meta, tables = make(n_chips=20, **vary)
    view = make_view(meta, tables)
    assert trend_key(view) == key
    if key is not None:
        assert name_in(drawn(meta, tables)[0], key)


def name_in(figure, key):
    return {"bits": "Bits", "device.sigma_prog_uS": "Programming error σ (µS)"}[key] in [
        ax.get_xlabel() for ax in figure.axes
    ]


@pytest.mark.parametrize(
    ("values", "log", "apart"),
    [
        ([1, 8, 32, 128], True, None),
        ([1.0, 2.67, 4.0, 8.0], False, None),
        ([0.02, 0.05, 0.1, 0.2, 0.5], True, None),
        ([0.0, 0.001, 0.01, 0.1], True, 0.0),
        ([0.0, 1.0, 2.0], False, None),
        ([-0.2, 0.0, 0.2], False, None),
        ([250.0, 300.0, 350.0], False, None),
    ],
)
def test_axes_suit_their_values(values, log, apart):
    axis = sweep_axis("ramp.t_loss_ns", values)
    assert (axis.log, axis.apart) == (log, apart)
    places = axis.places(sorted(values))
    assert np.all(np.diff(places) > 0)


def test_many_values_have_ticks_at_powers_of_ten():
    figure = style.new_figure(3.0, 2.0)
    ax = figure.subplots()
    axis = sweep_axis("ramp.g_leak_uS", list(np.logspace(0, 6, 25)))
    ax.plot(axis.places(axis.values), np.ones(25))
    axis.finish(ax, 2.5, label=True)
    figure.canvas.draw()
    shown = ticks(ax)
    assert shown[0] == "$10^{0}$"
    assert shown[-1] == "$10^{6}$"
    assert 3 <= len(shown) <= 7


def test_the_slice_moves_to_where_compared_values_differ(make):
    key = "operation.v_read_change_rel"
    meta, tables = sweep_of(make, key, [-0.1, 0.0, 0.1], calibration=["one_point", "ramp_aware"])
    same = tables.yields[key] <= 0.0
    share = tables.yields["yield_fraction"].where(~same, 0.5)
    tables = dataclasses.replace(tables, yields=tables.yields.assign(yield_fraction=share))
    best = (tables.yields[key] > 0.0) & (tables.yields["calibration"] == "ramp_aware")
    yields = tables.yields.assign(yield_fraction=tables.yields["yield_fraction"].where(~best, 1.0))
    yields.loc[(yields[key] > 0.0) & (yields["calibration"] == "one_point"), "yield_fraction"] = 0.25
    tables = dataclasses.replace(tables, yields=yields)
    view = make_view(meta, tables)
    assert view.slice == {key: 0.1}
    first, *_, reach, against, note = answer_sentences(meta, tables)
    assert "(change of the read voltage = 0.1) stays within 0.5 LSB" in first
    start = "Between change of the read voltage = −0.1 and 0.1, with ramp_aware, the static share ranges from 50"
    assert reach.startswith(start)
    assert "(−0.1 and 1 more)" in reach
    assert reach.endswith("; with noise, it stays at 0 %.")
    assert against.startswith("With one_point, the static share ranges from 25")
    assert note == meta.read_noise_note


def test_metastable_decisions_stand_beside_the_worst_inl(make):
    meta, tables = make(n_chips=20, calibration=["ramp_aware"])
    undecided = select(tables.summary, {"measure": "max_inl_lsb"}).assign(measure="metastable_probability", mean=0.25)
    summary = type(tables.summary)(data=[*tables.summary.to_dict("records"), *undecided.to_dict("records")])
    assert "it leaves 25 % of its decisions metastable" in " ".join(
        answer_sentences(meta, dataclasses.replace(tables, summary=summary))
    )


def test_a_sweep_alone_reads_down_the_page(make):
    meta, tables = sweep_of(make, "array.n_columns", [1, 2, 4, 8, 16, 32, 64, 128])
    (grid,) = yield_grids(meta, tables, make_view(meta, tables))
    assert grid.row_heads == ("columns",)
    assert [row.names for row in grid.rows] == [(str(2**i),) for i in range(8)]
    assert grid.column_heads == ("0.25 LSB", "0.5 LSB", "1 LSB")


def test_long_tables_hold_a_key_and_say_so(make):
    meta, tables = make(n_chips=10, sigma=[float(i) for i in range(1, 31)], bits=[3, 4], calibration=["none", "x"])
    grid = yield_grids(meta, tables, make_view(meta, tables))[0]
    assert len(grid.rows) <= MAX_ROWS
    assert grid.row_heads == ("programming error σ",)
    assert "the rows at 3 bits" in grid.note


def test_large_means_are_grouped_and_quantiles_beyond_the_grid_left_out(make):
    assert mean_cell(1_719_880.0, 1_690_230.0, 1_749_530.0, unit="fJ", q95=float("inf")) == Cell(
        "1\u202f719\u202f880", "1\u202f690\u202f230–1\u202f749\u202f530"
    )
    assert mean_cell(6.52e-6, 6.51e-6, 6.53e-6, unit="", q95=9.5e-5).small == "0.000006510–0.000006530"
    assert mean_cell(0.0, 0.0, 0.0, unit="", q95=-5e-6) == Cell("0")


def test_single_precision_rounding_is_shown_as_zero(make):
    meta, tables = make(n_chips=10, calibration=["none", "one_point"])
    still = tables.summary["mean"].where(tables.summary["measure"] != "noise_rms_lsb", 1e-9)
    tables = dataclasses.replace(tables, summary=tables.summary.assign(mean=still))
    grid = measure_grid(meta, tables, make_view(meta, tables))
    assert [row.cells[1].main for row in grid.rows] == ["0", "0"]
    assert "no temporal noise was simulated" in " ".join(answer_sentences(meta, tables))


def test_a_trend_that_was_asked_for_is_missed(make, tmp_path):
    meta, tables = make(n_chips=10, calibration=["none", "one_point"])
    said = "No trend is drawn: it needs a number that varies over at least 3 values."
    asked = build_report(tmp_path / "asked", dataclasses.replace(meta, figures=("trend",)), tables)
    assert said in asked.read_text(encoding="utf-8")
    bare = build_report(tmp_path / "bare", dataclasses.replace(meta, figures=()), tables)
    assert said not in bare.read_text(encoding="utf-8")
