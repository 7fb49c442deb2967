"""The page: self-contained, well-formed, honest about what it leaves out, and the same when made again."""

import base64
import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from rampjax.checks import InputError
from rampjax.report.answer import answer_sentences
from rampjax.report.html import breakable, provenance_rows, tied
from rampjax.report.meta import ReportMeta, measure_label, measure_unit, meta_from_provenance
from rampjax.report.page import build_report, render_report
from rampjax.report.page_tables import MAX_ROWS, measure_grid, yield_grids, yield_note
from rampjax.report.points import make_view
from rampjax.report.tables import Tables, as_stored, write_tables

VOID = {"meta", "img", "br", "wbr", "link"}


class Reader(HTMLParser):
    """Checks that tags close in order, and collects tags, attributes and text."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2060", ""))


@pytest.fixture(scope="module")
def page(study, tmp_path_factory):
    return build_report(tmp_path_factory.mktemp("study"), *study)


def test_page_is_self_contained(page):
    reader = read(page)
    assert len(reader.links) == 5
    assert all(link.startswith("data:image/png;base64,") for link in reader.links)
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    assert "http" not in reader.text
    assert re.findall(r"url\(|@import", page.read_text()) == []
    first = base64.b64decode(reader.links[0].partition(",")[2])
    assert first == (page.parent / "figures" / "yield_vs_spec.png").read_bytes()


def test_page_holds_answer_tables_notes_and_provenance(page, study):
    meta, tables = study
    text = plain(read(page).text)
    for sentence in answer_sentences(meta, as_stored(tables)):
        assert plain(sentence) in text
    for part in (meta.title, *meta.notes, "redundant:4+one_point", "Provenance", "versions.jax", "0.10.2", "yield.csv"):
        assert plain(part) in text
    assert "midrise levels" in text


def test_only_the_files_of_a_report_stay(page):
    assert sorted(path.name for path in page.parent.iterdir()) == ["figures", "report.html"]


def test_render_gives_the_same_bytes(single, tmp_path):
    meta, tables = single
    page = build_report(tmp_path, meta, tables)
    first = {path: path.read_bytes() for path in [page, *(tmp_path / "figures").iterdir()]}
    write_tables(tmp_path, tables)
    (tmp_path / "provenance.json").write_text(json.dumps({**meta.provenance, "report": meta.as_dict()}))
    for path in first:
        path.unlink()
    assert render_report(tmp_path) == page
    assert {path: path.read_bytes() for path in first} == first


def test_title_and_names_are_escaped(single, tmp_path):
    meta, tables = single
    frames = {name: getattr(tables, name).assign(function="x<3&x") for name in ("summary", "yields", "curves", "bands")}
    page = build_report(
        tmp_path, dataclasses.replace(meta, title="<script>alert(1)</script>", question="Why?"), Tables(**frames)
    )
    reader = read(page)
    assert "script" not in reader.tags
    assert "<script>alert(1)</script>" in reader.text
    assert "x<3&x" in reader.text
    assert "Why?" in reader.text


def test_no_figures_no_notes(single, tmp_path):
    meta, tables = single
    bare = ReportMeta(title="Bare", figures=(), varied=meta.varied)
    text = read(build_report(tmp_path, bare, tables)).text
    assert "Figure" not in text
    assert "What was simulated" not in text
    assert "Provenance" not in text


def test_yield_grid_has_every_cell(study):
    meta, tables = study
    grids = yield_grids(meta, tables, make_view(meta, tables))
    assert [grid.title for grid in grids] == ["Spec: 0.5 LSB", "Spec: 0.25 LSB", "Spec: 1 LSB"]
    for grid in grids:
        assert grid.row_heads == ("function", "bits")
        assert grid.column_heads == ("uncalibrated", "redundant:4+one_point", "ramp_aware")
        assert [row.names for row in grid.rows[:3]] == [("sigmoid", "3"), ("sigmoid", "4"), ("sigmoid", "5")]
        assert [row.span for row in grid.rows] == [3, 0, 0, 3, 0, 0]
        for cell in (cell for row in grid.rows for cell in row.cells):
            interval, beside = cell.small.split("\n")
            assert cell.main
            assert interval
            assert beside.startswith("with noise ")


def test_without_noise_a_yield_stands_alone_and_says_so(make):
    meta, tables = make(n_chips=20, noise=False, calibration=["none", "ramp_aware"])
    (grid,) = yield_grids(meta, tables, make_view(meta, tables))
    assert not any("noise" in cell.small for row in grid.rows for cell in row.cells)
    assert yield_note(meta, tables).endswith("No temporal noise was simulated.")


def test_devices_of_unknown_read_noise_are_marked(make):
    meta, tables = make(n_chips=20, device=["a", "b"], calibration=["none", "ramp_aware"])
    meta = dataclasses.replace(meta, noise_unknown=("b",))
    view = make_view(meta, tables)
    for grid in (*yield_grids(meta, tables, view), measure_grid(meta, tables, view)):
        assert {row.names[0] for row in grid.rows} == {"a", "b *"}
        assert "* read noise unknown, taken as 0." in grid.note


def test_few_columns_share_one_table(single, make):
    meta, tables = single
    (grid,) = yield_grids(meta, tables, make_view(meta, tables))
    assert grid.column_heads == ("0.25 LSB", "0.5 LSB", "1 LSB")
    meta, tables = make(n_chips=20, calibration=["none", "ramp_aware"])
    (grid,) = yield_grids(meta, tables, make_view(meta, tables))
    assert grid.column_heads[0] == "uncalibrated\n0.25 LSB"
    assert len(grid.column_heads) == 6


def test_long_tables_are_cut_and_say_so(make):
    meta, tables = make(n_chips=10, sigma=[float(i) for i in range(1, 61)], bits=[3, 4])
    grid = yield_grids(meta, tables, make_view(meta, tables))[0]
    assert len(grid.column_heads) == 9
    assert "9 of 60 values of programming error σ" in grid.note
    meta, tables = make(n_chips=10, sigma=[float(i) for i in range(1, 61)], calibration=["none", "ramp_aware"])
    grid = yield_grids(meta, tables, make_view(meta, tables))[0]
    assert len(grid.rows) == MAX_ROWS
    assert f"{MAX_ROWS} of 60 rows" in grid.note


def test_noise_stands_beside_the_worst_inl(study, make):
    meta, tables = study
    assert measure_grid(meta, tables, make_view(meta, tables)).column_heads[:2] == (
        "worst INL (LSB)",
        "temporal noise, rms (LSB)",
    )


def test_meta_round_trip(study):
    meta, _ = study
    assert meta_from_provenance(json.loads(json.dumps({**meta.provenance, "report": meta.as_dict()}))) == meta


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (None, "`report` must be a table"),
        ({}, "`report.title` must be a string, but is missing"),
        ({"title": 3}, "`report.title` must be a string, but is 3"),
        ({"title": "t", "figure": []}, "`report.figure` is not known. Did you mean `figures`?"),
        ({"title": "t", "figures": ["inl"]}, "no figure `inl`"),
        ({"title": "t", "notes": "all"}, "`report.notes` must be a list of strings"),
        ({"title": "t", "specs_lsb": ["a"]}, "`report.specs_lsb` must be a list of numbers"),
        ({"title": "t", "specs_lsb": []}, "at least one spec"),
        ({"title": "t", "specs_lsb": [0]}, "must be positive, but holds 0"),
        ({"title": "t", "confidence": True}, "`report.confidence` must be a number"),
        ({"title": "t", "confidence": 95}, "`confidence` must be between 0 and 1"),
    ],
)
def test_bad_meta_is_refused(report, sentence):
    with pytest.raises(InputError) as error:
        meta_from_provenance({} if report is None else {"report": report})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "has no provenance.json"), ("{", "cannot be read"), ("[]", "JSON object")]
)
def test_render_needs_a_study_folder(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "provenance.json").write_text(content)
    with pytest.raises(InputError, match=sentence):
        render_report(tmp_path)


def test_unwritable_folder_is_named(single, tmp_path):
    meta, tables = single
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        build_report(tmp_path / "file", dataclasses.replace(meta, figures=()), tables)


def test_provenance_is_flat():
    rows = provenance_rows({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": True, "f": [{"g": 1}], "h": [], "i": {}})
    assert rows == [
        ("a.b", "1"),
        ("a.c", "1, 2"),
        ("d", "none"),
        ("e", "yes"),
        ("f", '[{"g": 1}]'),
        ("h", "none"),
        ("i", "{}"),
    ]


def test_filters_escape_first():
    assert breakable("a+b<c", "+") == "a+<wbr>b&lt;c"
    assert tied("5–95 % & 3 LSB") == "5\u2060–\u206095\u00a0% &amp; 3\u00a0LSB"


def test_names_of_measures():
    assert measure_label("rmse_lsb") == "RMS error"
    assert measure_unit("enob") == "bits"
    assert (measure_label("new_lsb"), measure_unit("new_lsb"), measure_unit("other")) == ("new_lsb", "LSB", "")
