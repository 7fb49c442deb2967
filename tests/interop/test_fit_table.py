"""What the targets of a fit are, and which device a row is of: said, never guessed."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from real_files import real_file

from rampjax.checks import InputError
from rampjax.interop.device_fit.table import read_table
from rampjax.interop.measured.reader import Measured, parse_reading


def read(folder: Path, content: str) -> Measured:
    path = folder / "chip.csv"
    path.write_text(content)
    return read_table(path)


def refused(folder: Path, content: str) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content)
    return str(caught.value).removeprefix(f"{folder / 'chip.csv'}: ")


def test_the_middle_of_a_window_is_the_target(tmp_path: Path) -> None:
    table = read(tmp_path, "target_low_uS,target_high_mS,measured_uS\n10,0.014,12\n20,0.030,22\n")
    assert list(table.columns["target"]) == [12.0, 25.0]
    assert list(table.columns["window"]) == [2.0, 5.0]
    assert set(table.columns) == {"target", "window", "measured"}
    assert table.said[-1].endswith(
        "targets are the middles of windows from target_low to target_high, in µS, of half widths from 2 to 5 µS"
    )
    assert table.notes == ()


def test_a_window_of_resistances_is_one_of_conductances(tmp_path: Path) -> None:
    table = read(tmp_path, "target_low_kOhm;target_high_kOhm;r_kOhm\n50;100;80\n")
    assert [list(table.columns[name]) for name in ("target", "window", "measured")] == [[15.0], [5.0], [12.5]]


def test_the_median_of_the_youngest_reads_of_a_level_is_its_target(tmp_path: Path) -> None:
    rows = [("a", 0, 10.0), ("a", 0, 11.0), ("a", 0, 15.0), ("a", 9, 90.0), ("b", 2, 30.0), ("b", 9, 99.0)]
    rows += [("off", 0, -0.25)]
    lines = [f"{level},{time},{g}" for level, time, g in rows]
    table = read(tmp_path, "\n".join(["level,time_s,g_uS", *lines]))
    assert list(table.columns["target"]) == [11, 11, 11, 11, 30, 30, 0]
    assert set(table.columns) == {"target", "measured", "time"}
    assert table.said[-1].endswith("targets are the medians of 3 levels, from -0.25 to 30 µS")
    first, second, third = (note.removeprefix(f"{table.path}: ") for note in table.notes)
    assert "that of each of the 3 levels is the median of its youngest reads (1 to 3, at 0 to 2 s)" in first
    assert second.startswith("3 levels have fewer than 8 such reads (a, b, off)")
    assert third == "the median of level off is below 0; the target is taken as 0."
    # Where there is no time, all reads count.
    table = read(tmp_path, "level,g_uS\n1,10\n1,20\n1,60\n")
    assert list(table.columns["target"]) == [20, 20, 20]
    assert "is the median of all its reads (3)" in table.notes[0]


def test_a_level_beside_targets_is_not_used(tmp_path: Path) -> None:
    table = read(tmp_path, "level,target_uS,measured_uS\n1,2,3\n")
    assert list(table.columns["target"]) == [2.0]
    assert "the column `level` is not used: the targets are those of `target`." in table.notes[0]
    table = read(tmp_path, "level,target_low_uS,target_high_uS,measured_uS\n1,2,4,5\n")
    assert list(table.columns["target"]) == [3.0]
    assert "the targets are the middles of the windows" in table.notes[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "measured_uS\n1\n",
            "has no column `target_uS`, expected it, or `target_low_uS` and `target_high_uS`, or `level`",
        ),
        ("target_uS\n1\n", "has no column `measured_uS`"),
        ("target_uS,target_low_uS,target_high_uS,g_uS\n2,1,3,2\n", "has both `target` and a window, expected one"),
        ("target_low_uS,g_uS\n1,3\n", "has one end of a window only, expected a column `target_high_uS` too."),
        ("target_high_uS,g_uS\n1,3\n", "expected a column `target_low_uS` too."),
        ("target_low_kOhm,target_high_uS,g_uS\n1,3,2\n", "one end of a window in ohms and one in siemens"),
        ("target_low_uS,target_high_uS,g_uS\n1,3,2\n4,4,4\n", "line 3: `target_low` must be below `target_high`"),
        ("target_low_kOhm,target_high_kOhm,g_uS\n3,1,2\n", "line 2: `target_low` must be below `target_high`"),
        ("level,g_uS\n,3\n", "line 2: `level` is empty"),
        ("target_uS,r_kOhm,g_uS\n1,3,2\n", "has the column `measured` twice"),
    ],
)
def test_refusals(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_row_and_column_of_an_array_are_the_device(tmp_path: Path) -> None:
    table = read(tmp_path, "row,column,target_uS,measured_uS\n1,12,3,3\n11,2,3,3\n1,12,4,4\n")
    assert list(table.columns["device"]) == ["1/12", "11/2", "1/12"]
    assert set(table.columns) == {"device", "target", "measured"}
    assert table.said[-1] == f"{table.path}: row/column as the device, 2 in all"
    table = read(tmp_path, "device,column,row,target_uS,measured_uS\nA,1,2,3,3\nB,1,2,3,3\n")
    assert list(table.columns["device"]) == ["A/2/1", "B/2/1"]
    table = read(tmp_path, "row,device,target_uS,measured_uS\n1,A,3,3\n")
    assert list(table.columns["device"]) == ["A"]
    assert "the column `row` is not used: there is no `column`" in table.notes[0]


def test_a_table_is_the_same_from_resistances_in_another_dialect(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    target, measured = rng.uniform(20.0, 150.0, (2, 60))
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    rows = zip(target.tolist(), measured.tolist(), strict=True)
    plain.write_text("target_uS,measured_uS\n" + "".join(f"{t!r},{m!r}\n" for t, m in rows))
    rows = zip((1e3 / target).tolist(), (1e3 / measured).tolist(), strict=True)
    other.write_text("".join(f"{t!r};x;{m!r}\n".replace(".", ",") for t, m in rows))
    one = read_table(plain)
    two = read_table(other, None, parse_reading(no_header=True, columns="target_kOhm,_,r_kOhm"))
    for name in ("target", "measured"):
        np.testing.assert_allclose(two.columns[name], one.columns[name], rtol=1e-15)
    assert one.said[0] == f"{plain}: commas, decimal points, header in line 1; 60 rows"
    assert "column 3 as measured in kOhm" in two.said[1]


def test_levels_of_a_real_array() -> None:
    """The youngest reads are at t = 0, one of each cell; of 42 levels nine have a few cells only."""
    path = real_file("rram_relaxation/techC_relaxdata.min.tsv.gz")
    table = read_table(path, None, parse_reading(no_header=True, columns="device,time_s,_,measured_S,_,level,_"))
    with gzip.open(path, "rt") as file:
        levels = [line.split("\t")[5] for line in file]
    assert (table.n_rows, len(set(table.columns["device"])), len(set(table.columns["target"]))) == (89_115, 16_292, 42)
    assert "the median of its youngest reads" in table.notes[0]
    assert "levels have fewer than 8 such reads" in table.notes[1]
    # Levels 0 to 31 are what the cells were aimed at, about evenly; the others are where a few of them went.
    first = dict(zip(levels, table.columns["target"].tolist(), strict=True))
    targets = [first[str(level)] for level in range(32)]
    assert (np.diff(targets) > 0.9).all()
    assert targets[-1] == pytest.approx(39.3, abs=0.5)
    young = table.columns["time"] == 0
    assert young.sum() == 16_292
    assert np.median(np.abs(table.columns["measured"] - table.columns["target"])[young]) < 0.5
