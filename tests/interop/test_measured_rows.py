"""How a measured file is written: recognised by its lines, chosen, or refused with the option to give."""

import gzip
from pathlib import Path

import pytest

from rampjax.checks import InputError
from rampjax.interop.measured.contents import MOST_BYTES
from rampjax.interop.measured.numbers import parse_numbers
from rampjax.interop.measured.options import Reading, parse_reading
from rampjax.interop.measured.rows import TextTable, read_rows


def read(folder: Path, content: str | bytes, **chosen: object) -> TextTable:
    path = folder / "chip.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_rows(path, parse_reading(**chosen))  # type: ignore[arg-type]


def refused(folder: Path, content: str | bytes, **chosen: object) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, **chosen)
    sentence = str(caught.value)
    assert sentence.startswith(f"{folder / 'chip.csv'}: ")
    assert sentence.endswith(".")
    assert sentence.isprintable()
    return sentence.removeprefix(f"{folder / 'chip.csv'}: ")


@pytest.mark.parametrize(
    ("content", "sep", "decimal", "cells"),
    [
        ("a,b\n1.5,2\n", ",", ".", ["1.5", "2"]),
        ("a\tb\n1.5\t2\n", "\t", ".", ["1.5", "2"]),
        ("a\tb\n1,5\t2\n", "\t", ",", ["1,5", "2"]),
        ("a;b\n1,5;2,3\n", ";", ",", ["1,5", "2,3"]),
        ("a;b\n,5;2,\n", ";", ",", [",5", "2,"]),
        ("a;b\n1.5;2.3\n", ";", ".", ["1.5", "2.3"]),
        ("a|b\n1.5|2.3\n", "|", ".", ["1.5", "2.3"]),
        ("a;b\n1;2\n", ";", ".", ["1", "2"]),
        ('a,b\n"x;y",2\n', ",", ".", ["x;y", "2"]),
        ('a;b\n"x;y";2,5\n', ";", ",", ["x;y", "2,5"]),
        ("a;b\nx,y;2\nz;3\n", ";", ".", ["x,y", "2"]),
        ("# wafer, 3; left\na;b\n1,5;2,3\n", ";", ",", ["1,5", "2,3"]),
        ("a\n1.5\n", ",", ".", ["1.5"]),
        ("vin;code\n0,5;1;2\n0,6;3\n", ";", ",", ["0,5", "1", "2"]),
        ("a;b\r\n1,234;0,5\r\n", ";", ",", ["1,234", "0,5"]),
    ],
)
def test_what_is_recognised(tmp_path: Path, content: str, sep: str, decimal: str, cells: list[str]) -> None:
    table = read(tmp_path, content)
    assert (table.sep, table.decimal, table.rows[0][1]) == (sep, decimal, cells)


@pytest.mark.parametrize(
    ("content", "sep", "decimal"),
    [("1,5;2,3\n4,5;6,7\n", ";", ","), ("1,5;1;2\n0,6;3\n", ";", ","), ("1,5,2,3\n", ",", "."), ("1\t,5\n", "\t", ",")],
)
def test_what_is_recognised_without_a_header(tmp_path: Path, content: str, sep: str, decimal: str) -> None:
    table = read(tmp_path, content, no_header=True)
    assert (table.header, table.sep, table.decimal) == (None, sep, decimal)
    assert table.rows[0][0] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b;c\n1,2;3\n", "its lines can be cut at commas or semicolons, expected --sep comma or --sep semicolon."),
        ("a\tb;c\n1\t2;3\n", "its lines can be cut at semicolons or tabs, expected --sep semicolon or --sep tab."),
        ("a,b;c\n1,2;3\n4,5;6;7\n", "commas or semicolons"),
        ("a,b|c;d\n1\n", "commas or semicolons or bars"),
        ("a;b\n1,5;2.5\n", 'has both "1,5" (line 2) and "2.5" (line 2), expected --decimal comma or --decimal point.'),
        ("a;b\n1,234;2\n5;-12,500\n", 'line 2: "1,234" may have a decimal comma or one of thousands'),
        ("1;2\n3;4\n", "line 1: has numbers where the header should be, expected a header, or --no-header with"),
        ('a;b\n1;"2\n', "is not CSV"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_what_is_chosen_goes_before_what_is_recognised(tmp_path: Path) -> None:
    both = "a,b;c\n1,2;3\n"
    assert read(tmp_path, both, sep="comma").rows[0][1] == ["1", "2;3"]
    assert read(tmp_path, both, sep=";").rows[0][1] == ["1,2", "3"]
    assert read(tmp_path, both, decimal="comma").rows[0][1] == ["1,2", "3"]
    assert read(tmp_path, "a;b\n1,234;2\n", decimal="comma").decimal == ","
    assert read(tmp_path, "a;b\n1,5;2.5\n", decimal="point").decimal == "."
    assert read(tmp_path, " a  b\n\n1   2.5 \n", sep="space").rows == [(3, ["1", "2.5"])]
    assert read(tmp_path, "# a b\n1 2.5\n", sep=" ").header == ("a", "b")
    assert read(tmp_path, "a:b\n1:2\n", sep=":").rows == [(2, ["1", "2"])]
    assert read(tmp_path, "a\tb\n1\t2\n", sep="\\t").sep == "\t"


def test_columns_replace_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, "g1,g2\n1,2\n", columns="target_uS,measured_uS")
    assert (table.header, table.rows) == (("target_uS", "measured_uS"), [(2, ["1", "2"])])
    assert "header in line 1 replaced by --columns" in table.said
    assert read(tmp_path, "vin,1,2\n0.5,3,4\n", columns="vin_V,code...").rows == [(2, ["0.5", "3", "4"])]
    # A first line that may be a row is never lost.
    for rows in ("1,2\n3,4\n", "A1,2\nA2,4\n"):
        assert "expected a header, or --no-header." in refused(tmp_path, rows, columns="device,measured_uS")
        assert len(read(tmp_path, rows, columns="device,measured_uS", no_header=True).rows) == 2


def test_a_decimal_mark_is_not_looked_for_in_columns_left_out(tmp_path: Path) -> None:
    content = "1,5;2024.05\n"
    assert read(tmp_path, content, no_header=True, columns="measured_uS,_").decimal == ","
    assert "has both" in refused(tmp_path, content, no_header=True, columns="measured_uS,day")


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    table = read(tmp_path, gzip.compress(b"a;b\n1,5;2,3\n") + gzip.compress(b"1;2\n"))
    assert table.said == f"{tmp_path / 'chip.csv'}: gzip, semicolons, decimal commas, header in line 1; 2 rows"


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 99)
    assert "ends too early" in refused(tmp_path, whole[:-9])
    assert "ends too early" in refused(tmp_path, whole[:2])
    assert "is damaged" in refused(tmp_path, whole[:-8] + b"\0" * 8)
    assert "is damaged" in refused(tmp_path, whole[:12] + b"\xff" * 9 + whole[21:])
    assert "is damaged" in refused(tmp_path, whole + b"more")
    assert "UTF-8" in refused(tmp_path, gzip.compress(whole))
    assert "is empty" in refused(tmp_path, gzip.compress(b""))


def test_too_large_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BYTES == 256 * 2**20
    monkeypatch.setattr("rampjax.interop.measured.contents.MOST_BYTES", 2**20)
    bomb = b"a,b\n" + b"1,2\n" * 2**18
    assert len(gzip.compress(bomb)) < 2**14
    assert "once decompressed, more than 1 MiB" in refused(tmp_path, gzip.compress(bomb))
    assert "has more than 1 MiB" in refused(tmp_path, bomb)


def test_numbers_are_written_out() -> None:
    named = "chip.csv: line {}: `time`".format
    assert list(parse_numbers(["1", "-2.5", ".5", "3.", "1e-3"], ".", named)) == [1, -2.5, 0.5, 3, 1e-3]
    assert list(parse_numbers(["1", "-2,5", ",5", "3,", "1e-3"], ",", named)) == [1, -2.5, 0.5, 3, 1e-3]
    for cell in ("1_0", "0x1", "١", "", "nan", "-inf", "1e999", "1,5", "1 0", "two", "--1", "."):
        with pytest.raises(InputError, match=r"^chip\.csv: line 1: `time` "):
            parse_numbers(["0", cell], ".", named)
    for cell in ("1.5", "1,5,5", ",", "1,e3x"):
        with pytest.raises(InputError, match=r"^chip\.csv: line 1: `time` must be a number"):
            parse_numbers(["0", cell], ",", named)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"sep": "semicolons"},
            'another mark that stands between cells, but is "semicolons". Did you mean `semicolon`?',
        ),
        ({"sep": "x"}, "--sep must be"),
        ({"sep": ""}, "--sep must be"),
        ({"sep": "."}, "--sep must be"),
        ({"sep": "\n"}, "--sep must be"),
        ({"sep": '"'}, "--sep must be"),
        ({"decimal": "dot"}, '--decimal must be point or comma, but is "dot".'),
        ({"columns": "a,,b"}, "--columns: column 2 has no name, expected one, or _ to leave the column out."),
        ({"columns": ""}, "column 1 has no name"),
        ({"columns": "..."}, "column 1 has no name"),
        ({"columns": "_,-,_..."}, "--columns must name a column"),
        ({"columns": "code...,a"}, '"code..." goes on to the end of a row, expected it as the last name'),
    ],
)
def test_refused_options(chosen: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_reading(**chosen)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_names_of_options() -> None:
    assert parse_reading("comma", "comma", True, "device, time_s ,_,code…") == Reading(
        ",", ",", False, ("device", "time_s", "_", "code...")
    )
    assert parse_reading() == Reading()
