"""The report of a comparison with ngspice: every number of sentence, table and figure is that of the tables."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from rampjax.checks import InputError
from rampjax.metrics import yield_interval
from rampjax.report import style
from rampjax.report.agreement import (
    AgreementMeta,
    AgreementTables,
    agreement_meta,
    as_stored,
    is_agreement,
    read_agreement,
    write_agreement,
)
from rampjax.report.agreement_figures import draw_agreement, draw_levels
from rampjax.report.agreement_page import agreement_grid, build_agreement
from rampjax.report.agreement_text import agreement_sentences, make_layout, tells_little
from rampjax.report.page import render_report
from rampjax.study.folder import write_provenance

CASES = ("plain", "gain", "late")
META = AgreementMeta("Does it agree?", "39", 0.1, varied=("function", "bits", "case"), notes=("One note.",))


def make(functions=("sigmoid", "gelu"), bits=(3, 4), cases=CASES, worst=None):
    """Tables whose deviations grow from case to case."""
    rows, levels = [], []
    for function, width, (i, case) in itertools.product(functions, bits, enumerate(cases)):
        keys = {"function": function, "bits": width, "device": "taox_paper", "calibration": "none", "case": case}
        off = (worst or {}).get((function, width, case), 1e-4 * width * (i + 1))
        rows.append(
            keys
            | {"worst_level_lsb": off, "p95_level_lsb": 0.8 * off, "effect_lsb": 1.0 + i}
            | {"worst_decision_clocks": 1e-3 * (i + 1), "effect_clocks": 0.5 * i, "decisions_compared": 30}
            | {"inputs_compared": 60, "inputs_with_another_code": 0, "tolerance_lsb": 0.01, "tolerance_clocks": 0.05}
            | {"passed": int(off <= 0.01), "n_samples": 2, "ngspice_s_per_chip": 0.5}
        )
        n = 2**width - 1
        for sample in range(2):
            shape = np.sin(np.linspace(0, np.pi, n)) * off * (1 if sample else -0.5)
            values = {"sample": sample, "level": np.arange(1, n + 1), "model_V": 0.1, "spice_V": 0.1}
            levels.append(pd.DataFrame(keys | values | {"error_local_lsb": shape}))
    return AgreementTables(pd.DataFrame(rows), pd.concat(levels, ignore_index=True))


def test_sentences():
    high = 100 * float(yield_interval(0, 720, 0.95)[1])
    assert agreement_sentences(META, make()) == (
        "3 of 3 cases agree with ngspice 39 within 0.01 local LSB at every level and 0.05 clocks at every decision "
        "(sigmoid, gelu; 3 and 4 bits; 2 chips of each point).",
        "The largest deviation of a level is 0.0012 local LSB (late case, sigmoid, 4 bits), where the sources of error "
        "move a level or threshold by up to 3; that of a decision is 0.003 clocks (late case, sigmoid, 3 bits), where "
        "they move one by up to 1.",
        f"Of 720 inputs further than 0.1 local LSB from every threshold, none get another code (95 % CI of the share: "
        f"at most {high:.2g} %).",
        "Every point could fail: what it does to a level, threshold or decision is 10 tolerances or more.",
    )


def test_what_is_beyond_is_named():
    tables = make(worst={("gelu", 4, "gain"): 0.02})
    said = agreement_sentences(META, tables)
    assert said[0].startswith("2 of 3 cases agree")
    assert "Beyond a tolerance: gain case, gelu, 4 bits (0.02 local LSB)." in said


def test_other_codes_are_counted_with_their_interval():
    tables = make()
    tables.points.loc[3, ["inputs_with_another_code", "passed"]] = (1, 0)
    said = " ".join(agreement_sentences(META, tables))
    low, high = (100 * float(end) for end in yield_interval(1, 720, 0.95))
    assert f"1 gets another code (95 % CI of the share: {low:.2g}–{high:.2g} %)." in said
    assert "Beyond a tolerance: plain case, sigmoid, 4 bits (1 other codes)" in said


def test_a_case_that_does_little_is_said_to():
    tables = make()
    small = (tables.points["case"] == "plain") & (tables.points["function"] == "gelu")
    tables.points.loc[small, "effect_lsb"] = 0.05
    assert tells_little(tables.points).sum() == 2
    said = " ".join(agreement_sentences(META, tables))
    assert "Of little weight, since their effect is below 10 tolerances: plain case, gelu, 3 bits; plain case" in said
    cells = agreement_grid(tables, make_layout(META, tables)).rows[0].cells
    assert [cell.main for cell in cells] == ["0.0003 of 1", "0.0004 of 1", "(0.0003 of 0.05)", "(0.0004 of 0.05)"]


def test_table_has_every_point():
    tables = make(worst={("gelu", 4, "gain"): 0.02})
    grid = agreement_grid(tables, make_layout(META, tables))
    assert grid.row_heads == ("case",)
    assert grid.column_heads == ("sigmoid\n3 bits", "sigmoid\n4 bits", "gelu\n3 bits", "gelu\n4 bits")
    assert [row.names for row in grid.rows] == [(case,) for case in CASES]
    assert grid.rows[1].cells[3].main == "0.02 of 2"
    assert [[cell.shade is not None for cell in row.cells] for row in grid.rows] == [
        [False] * 4,
        [False] * 3 + [True],
        [False] * 4,
    ]
    assert grid.rows[2].cells[0].small == "0.003 of 1 clocks"


def test_figure_has_the_worst_of_each_case_beside_its_effect():
    with style.figure_look():
        figure, caption, _ = draw_agreement(META, make())
        figure.canvas.draw()
    left, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == list(CASES)
    for ax, worst, effects, tolerance in (
        (left, [1e-4 * bits * (i + 1) for i in range(3) for bits in (3, 4)], [1, 1, 2, 2, 3, 3], 0.01),
        (right, [1e-3 * (i + 1) for i in range(3) for _ in (3, 4)], [0.5, 0.5, 1, 1], 0.05),
    ):
        dots = [line for line in ax.lines if line.get_marker() in ("o", "s")]
        filled = [line.get_xdata()[0] for line in dots if line.get_markerfacecolor() != "white"]
        faint = [line.get_xdata()[0] for line in dots if line.get_markerfacecolor() == "white"]
        np.testing.assert_allclose(filled, worst)
        np.testing.assert_allclose(faint, effects)
        assert any(line.get_xdata()[0] == tolerance for line in ax.lines if line not in dots)
    assert "2 chips and over 2 functions" in caption
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["3 bits", "4 bits"]


def test_what_is_nothing_stands_at_the_edge():
    tables = make()
    tables.points["worst_decision_clocks"] = 0.0
    with style.figure_look():
        figure, _, _ = draw_agreement(META, tables)
        figure.canvas.draw()
    low, _ = figure.axes[1].get_xlim()
    dots = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_markerfacecolor() != "white"]
    assert min(dots) > low > 0


def test_levels_are_those_of_the_worst_chip():
    with style.figure_look():
        figure, caption, _ = draw_levels(META, make(worst={("gelu", 4, "gain"): 0.02}))
    worst = max(np.abs(line.get_ydata()).max() for line in figure.axes[1].lines if len(line.get_xdata()) == 15)
    assert worst == pytest.approx(0.02, rel=0.02)
    assert "3 cases that agree least" in caption
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*CASES, "tolerance"]


@pytest.mark.parametrize("cases", [("plain",), CASES])
def test_one_point_or_one_function(cases, tmp_path):
    tables = make(functions=["sigmoid"], bits=[3], cases=cases)
    page = build_agreement(tmp_path, META, tables).read_text()
    what = "1 of 1 point agrees" if len(cases) == 1 else "3 of 3 cases agree"
    assert what in page.replace("\u00a0", " ")
    for name in ("agreement", "levels"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 1000


def test_files_read_back(tmp_path):
    tables = make()
    write_agreement(tmp_path, tables)
    again, stored = read_agreement(tmp_path), as_stored(tables)
    pd.testing.assert_frame_equal(again.points, stored.points)
    pd.testing.assert_frame_equal(again.levels, stored.levels)
    assert set(again.points["calibration"]) == {"none"}


def test_report_from_the_folder_alone(tmp_path):
    write_agreement(tmp_path, make())
    document = {"seed": 1, "versions": {"ngspice": "39"}, "report": META.as_dict()}
    write_provenance(tmp_path, document)
    assert is_agreement(document)
    meta = agreement_meta(document)
    assert dataclasses.replace(meta, provenance={}) == META
    page = render_report(tmp_path).read_text()
    assert "One note." in page
    assert "ngspice" in page
    assert page == build_agreement(tmp_path / "again", meta, make()).read_text()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("agreement.csv", None, "no such file"),
        ("agreement.csv", "function,bits\n", "must have a column `device`"),
        ("levels.csv.gz", "no gzip", "cannot be read"),
    ],
)
def test_broken_tables_are_refused(tmp_path, name, content, words):
    write_agreement(tmp_path, make())
    path = tmp_path / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_agreement(tmp_path)


@pytest.mark.parametrize("key", ["ngspice", "clearance_lsb", "title"])
def test_incomplete_provenance_is_refused(key):
    report = {name: value for name, value in META.as_dict().items() if name != key}
    with pytest.raises(InputError, match=f"report.{key}"):
        agreement_meta({"report": report})
