"""Measured tables in the forms in which people have them: dialects, resistances, names beside a file, many in a row."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_files import real_file

from rampjax.checks import InputError
from rampjax.interop.measured.reader import Measured, Wanted, parse_reading, parse_units, read_measured

WANTED = (
    Wanted("measured", "conductance", aliases=("g", "r", "conductance", "resistance")),
    Wanted("time", "time", required=False),
    Wanted("device", "label", required=False),
    Wanted("code", "number", required=False, repeats=True),
    Wanted("note", "unused", required=False),
)


def read(folder: Path, content: str | bytes, units: tuple[str, ...] = (), **chosen: object) -> Measured:
    path = folder / "chip.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_measured(path, WANTED, parse_units(units), parse_reading(**chosen))  # type: ignore[arg-type]


def refused(folder: Path, content: str, units: tuple[str, ...] = (), **chosen: object) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, units, **chosen)
    return str(caught.value).removeprefix(f"{folder / 'chip.csv'}: ")


@pytest.mark.parametrize(
    ("header", "g_uS"),
    [
        ("measured_Ohm", 1e6 / 5),
        ("r (ohm)", 1e6 / 5),
        ("R_kOhm", 1e3 / 5),
        ("resistance [kΩ]", 1e3 / 5),
        ("measured k\u2126", 1e3 / 5),
        ("Resistance_MOhm", 1 / 5),
        ("measured_MΩ", 1 / 5),
        ("r_GOhm", 1e-3 / 5),
        ("g_uS", 5.0),
        ("conductance_mS", 5e3),
    ],
)
def test_resistances_come_back_as_conductances(tmp_path: Path, header: str, g_uS: float) -> None:
    assert read(tmp_path, f"{header}\n5\n").columns["measured"][0] == g_uS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("r_kOhm\n1\n0\n", "line 3: `measured` is a resistance, expected one above 0, but it is 0 kOhm."),
        ("r_kOhm\n-2.5\n", "line 2: `measured` is a resistance, expected one above 0, but it is -2.5 kOhm."),
        ("r_Ohm\n1e-300\n", "line 2: `measured` must be at most 1e+09 µS, but is 1e+306 µS."),
        ("r_GOhm\n1e-320\n", "`measured` must be finite"),
        ("r_uS\n1\n", '"r_uS" is in uS, a unit of conductance, but is named a resistance'),
        ("conductance_Ohm\n1\n", "is in Ohm, a unit of resistance, but is named a conductance"),
        ("g (kOhm)\n1\n", "is in kOhm, a unit of resistance, but is named a conductance"),
        ("r_kOhm,g_uS\n1,2\n", "has the column `measured` twice"),
        ("time_kOhm,g_uS\n1,2\n", "a unit of conductance, expected one of time"),
        ("r\n1\n", '"r" has no unit'),
    ],
)
def test_refused_resistances(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_a_unit_beside_the_file_may_be_one_of_resistance(tmp_path: Path) -> None:
    assert read(tmp_path, "measured\n4\n", ("measured=kOhm",)).columns["measured"][0] == 250.0
    assert "named a conductance" in refused(tmp_path, "g\n4\n", ("measured=kOhm",))


def test_names_beside_the_file(tmp_path: Path) -> None:
    table = read(tmp_path, "A;7;0,5;x\nB;8;1,5;y\n", no_header=True, columns="device,_,measured_mS,-")
    assert list(table.columns["device"]) == ["A", "B"]
    assert list(table.columns["measured"]) == [500.0, 1500.0]
    assert (set(table.columns), table.notes, list(table.lines)) == ({"device", "measured"}, (), [1, 2])
    path = tmp_path / "chip.csv"
    assert table.said == (
        f"{path}: semicolons, decimal commas, no header, names from --columns; 2 rows",
        f"{path}: column 1 as device; column 3 as measured in mS; columns 2, 4 left out",
    )
    assert list(read(tmp_path, "a,b,c\n1,2,3\n", columns="g_uS,_...").columns["measured"]) == [1.0]
    assert list(read(tmp_path, "1,2,3\n4\n", no_header=True, columns="g_uS,_...").columns["measured"]) == [1.0, 4.0]


def test_what_was_read_as_what(tmp_path: Path) -> None:
    table = read(tmp_path, gzip.compress(b"# w 3\nnote\tr_kOhm\tother\n1\t2\t3\n"))
    path = tmp_path / "chip.csv"
    assert table.said == (
        f"{path}: gzip, tabs, decimal points, header in line 2; 1 row",
        f"{path}: column 2 as measured in kOhm (its inverse is the conductance); column 1 left out",
    )
    assert table.notes == (f'{path}: the column "other" is not used.',)


@pytest.mark.parametrize(
    ("content", "chosen", "said"),
    [
        ("1\n", {"no_header": True}, "--no-header needs the names of the columns, expected --columns"),
        ("1\n", {"no_header": True, "columns": "time_s"}, "--columns: has no column `measured_uS`"),
        ("1\n", {"no_header": True, "columns": "g"}, '--columns: "g" has no unit'),
        ("1,2\n", {"no_header": True, "columns": "g_uS"}, "line 1: has 2 cells, expected 1 as in --columns"),
        (
            "1,2\n",
            {"no_header": True, "columns": "g_uS..."},
            "goes on to the end of a row, but a row has one `measured`",
        ),
        ("1,5,2,5\n", {"no_header": True, "columns": "g_uS,time_s"}, "has 4 cells, expected 2 as in --columns"),
        ("1,5,2,5\n", {"no_header": True, "columns": "g_uS,time_s"}, "commas cannot both part cells and be decimal"),
        ("g_uS;time_s\n1;2\n", {"sep": "comma"}, "line 1: has semicolons between its cells, expected commas."),
        ("g_uS,time_s\n1,2\n", {"sep": "tab"}, "line 1: has commas between its cells, expected tabs."),
        ("g_uS;time_s\n1;2.5\n", {"decimal": "comma"}, 'must be a number, but is "2.5" (a decimal comma is expected'),
        ("g_uS;time_s\n1;2,5\n", {"decimal": "point"}, 'must be a number, but is "2,5" (a decimal point is expected'),
        ("g_uS\tnote\n1,000\tx\n", {"decimal": "point"}, "line 2: `measured` must be a number"),
        ("1,2\n", {"columns": "g_uS,_"}, "has numbers where the header should be, expected a header, or --no-header."),
    ],
)
def test_refusals_of_what_was_chosen(tmp_path: Path, content: str, chosen: dict[str, object], said: str) -> None:
    assert said in refused(tmp_path, content, **chosen)


@pytest.mark.parametrize(
    ("content", "chosen"),
    [
        ("g_uS,code,code,code\n1,5,6,7\n\n2,8,9,10\n", {}),
        ("g_uS,code...\n1,5,6,7\n\n2,8,9,10\n", {}),
        ("g_uS,code,code...\n1,5,6,7\n\n2,8,9,10\n", {}),
        ("g_uS,code\n1,5,6,7\n\n2,8,9,10\n", {"columns": "g_uS,code..."}),
        ("g_uS,1,2,3\n1,5,6,7\n\n2,8,9,10\n", {"columns": "g_uS,code…"}),
        ("\n1,5,6,7\n\n2,8,9,10\n", {"columns": "g_uS,code...", "no_header": True}),
    ],
)
def test_a_row_for_each_cell_of_a_column_that_repeats(tmp_path: Path, content: str, chosen: dict[str, object]) -> None:
    table = read(tmp_path, content, **chosen)
    assert list(table.columns["code"]) == [5, 6, 7, 8, 9, 10]
    assert list(table.columns["measured"]) == [1, 1, 1, 2, 2, 2]
    assert list(table.lines) == [2, 2, 2, 4, 4, 4]
    assert "2 rows" in table.said[0]
    assert table.said[1].endswith("as code, a row for each: 6")


def test_rows_may_have_different_numbers_of_a_column_that_repeats(tmp_path: Path) -> None:
    table = read(tmp_path, "g_uS;code...\n0,5;1\n1,5;2;3;4\n")
    assert list(table.columns["measured"]) == [0.5, 1.5, 1.5, 1.5]
    for content, said in (
        ("g_uS,code...\n1,2\n3\n", "line 3: has 1 cell, expected at least 2 as in the header."),
        ("g_uS,code\n1,2,3\n", "the further cells are of `code` too, its name is `code...` (see --columns)."),
        ("g_uS,code...\n1,2,\n", "line 2: `code` is empty"),
        ("g_uS,code,code\n1,2\n", "expected 3"),
    ):
        assert said in refused(tmp_path, content)


def _check_refusal(sentence: str, sep: str) -> None:
    assert "--sep" in sentence or "--decimal" in sentence or sep == ":", sentence


LABELS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=6).filter(
    lambda text: not text.startswith("#") and '"' not in text
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(LABELS, st.floats(-1e5, 1e5), st.floats(0, 1e6)), min_size=1, max_size=6),
    sep=st.sampled_from([("comma", ","), ("tab", "\t"), ("semicolon", ";"), ("bar", "|"), (":", ":")]),
    decimal=st.sampled_from(["point", "comma"]),
    chosen=st.booleans(),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    compressed=st.booleans(),
)
def test_a_table_reads_back_the_same_in_any_dialect(
    tmp_path: Path,
    rows: list[tuple[str, float, float]],
    sep: tuple[str, str],
    decimal: str,
    chosen: bool,
    header: bool,
    end: str,
    compressed: bool,
) -> None:
    """Chosen, it is read; recognised, it is read the same, or refused with the option to give."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=sep[1], lineterminator=end)
    if header:
        writer.writerow(["device", "measured_uS", "time_s"])
    mark = "," if decimal == "comma" else "."
    for label, g_uS, time_s in rows:
        writer.writerow([label, repr(g_uS).replace(".", mark), repr(time_s).replace(".", mark)])
    content = text.getvalue().encode()
    names = {} if header else {"no_header": True, "columns": "device,measured_uS,time_s"}
    options = {"sep": sep[0], "decimal": decimal} if chosen else {}
    data = gzip.compress(content) if compressed else content
    if not chosen:
        try:
            read(tmp_path, data, **names)
        except InputError as error:
            # A colon is not among what is recognised.
            options = {"sep": sep[0], "decimal": decimal}
            _check_refusal(str(error), sep[1])
    table = read(tmp_path, data, **names, **options)
    np.testing.assert_array_equal(table.columns["measured"], [row[1] for row in rows])
    np.testing.assert_array_equal(table.columns["time"], [row[2] for row in rows])
    assert list(table.columns["device"]) == [row[0].strip() for row in rows]


PARTS = [
    "g_uS",
    "time_s",
    "code",
    "code...",
    "r_kOhm",
    "_",
    "-",
    ",",
    ";",
    "\t",
    "|",
    " ",
    "\n",
    "\n",
    '"',
    "#",
    "1",
    "2.5",
    "1,5",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=30),
    sep=st.one_of(st.none(), st.sampled_from(["comma", "tab", "semicolon", "bar", "space", ";"]), st.text(max_size=2)),
    decimal=st.sampled_from([None, "point", "comma"]),
    no_header=st.booleans(),
    columns=st.one_of(
        st.none(), st.sampled_from(["g_uS,code...", "_,r_kOhm", "g_uS", "g_uS,_..."]), st.text(max_size=6)
    ),
    cut=st.integers(0, 40),
)
def test_any_options_give_a_table_or_a_sentence(
    tmp_path: Path,
    parts: list[str],
    sep: str | None,
    decimal: str | None,
    no_header: bool,
    columns: str | None,
    cut: int,
) -> None:
    content = "".join(parts).encode()
    data = gzip.compress(content)[: -cut - 1] if cut < 10 else content
    try:
        table = read(tmp_path, data, sep=sep, decimal=decimal, no_header=no_header, columns=columns)
    except InputError as error:
        refusal = str(error)
    else:
        refusal = "."
        assert all(len(values) == table.n_rows > 0 for values in table.columns.values())
        assert np.isfinite(table.columns["measured"]).all()
        assert all(said.isprintable() for said in table.said)
    assert refusal.isprintable()
    assert refusal[-1] in ".?"


def test_reads_of_a_real_array() -> None:
    """89 115 reads of 16 292 cells, without a header, once as conductances and once as resistances."""
    path = real_file("rram_relaxation/techC_relaxdata.min.tsv.gz")
    chosen = parse_reading(no_header=True, columns="device,_,_,measured_S,_,_,time_s")
    table = read_measured(path, WANTED, None, chosen)
    assert (table.n_rows, len(set(table.columns["device"]))) == (89_115, 16_292)
    assert sorted(set(table.columns["time"])) == [0, 0.01, 0.1, 1, 4, 1e5]
    assert table.columns["measured"][0] == pytest.approx(0.480232238769531, rel=1e-12)
    assert table.said[0] == f"{path}: gzip, tabs, decimal points, no header, names from --columns; 89115 rows"
    # Reads of almost nothing fell below zero, which is no resistance.
    with pytest.raises(InputError, match="line 65556: `measured` is a resistance, expected one above 0"):
        read_measured(path, WANTED, None, parse_reading(no_header=True, columns="device,time_s,r_Ohm,_..."))
