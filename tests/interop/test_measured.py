"""Measured tables: every unit is said, never guessed; whatever is wrong is one sentence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rampjax.checks import InputError
from rampjax.interop.measured.reader import Measured, Wanted, parse_units, read_measured

WANTED = (
    Wanted("target", "conductance", low=0.0),
    Wanted("measured", "conductance", aliases=("readback",)),
    Wanted("time", "time", required=False, low=0.0),
    Wanted("v_read", "voltage", required=False),
    Wanted("cycle", "number", required=False),
    Wanted("device", "label", required=False),
)


def read(folder: Path, content: str | bytes, units: dict[str, str] | None = None) -> Measured:
    path = folder / "chip.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_measured(path, WANTED, units)


def refused(folder: Path, content: str | bytes, units: dict[str, str] | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, units)
    sentence = str(caught.value)
    assert sentence.startswith(str(folder / "chip.csv"))
    assert "\n" not in sentence
    return sentence.removeprefix(f"{folder / 'chip.csv'}: ")


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("target_uS,measured_uS", 1.0),
        ("target_µS,measured_μS", 1.0),
        ("Target (mS), Measured [mS]", 1e3),
        ("target_S,measured_S", 1e6),
        ("TARGET nS,readback_nS", 1e-3),
        ("target(uS),measured[uS]", 1.0),
    ],
)
def test_units_of_the_header(tmp_path: Path, header: str, factor: float) -> None:
    table = read(tmp_path, f"{header}\n1,2\n\n3e0,-.5\n")
    np.testing.assert_array_equal(table.columns["target"], np.array([1.0, 3.0]) * factor)
    np.testing.assert_array_equal(table.columns["measured"], np.array([2.0, -0.5]) * factor)
    assert list(table.lines) == [2, 4]
    assert set(table.columns) == {"target", "measured"}


def test_units_given_beside_the_file(tmp_path: Path) -> None:
    text = "device,cycle,measured,target,time,v_read_mV,note\nA 1,3,0.002,0.001,2,200,x\n"
    table = read(tmp_path, text, parse_units(["target=mS", "Readback=mS", "time=min"]))
    assert {name: list(values) for name, values in table.columns.items()} == {
        "target": [1.0],
        "measured": [2.0],
        "time": [120.0],
        "v_read": [0.2],
        "cycle": [3.0],
        "device": ["A 1"],
    }
    assert len(table.notes) == 1
    assert '"note" is not used' in table.notes[0]


def test_a_decimal_fraction_is_rounded_once(tmp_path: Path) -> None:
    table = read(tmp_path, "target_nS,measured_nS\n5300,7100\n")
    assert table.columns["target"][0] == 5.3
    assert table.columns["measured"][0] == 7.1


def test_comments_before_the_header(tmp_path: Path) -> None:
    plain = read(tmp_path, "# wafer 3\ntarget_uS,measured_uS\n1,2\n")
    assert list(plain.columns["target"]) == [1.0]
    path = tmp_path / "numpy.csv"
    np.savetxt(path, [[1.0, 2.0]], delimiter=",", header="target_uS,measured_uS")
    table = read_measured(path, WANTED)
    assert list(table.columns["measured"]) == [2.0]
    assert list(table.lines) == [2]


def test_byte_order_mark_and_line_ends_of_windows(tmp_path: Path) -> None:
    table = read(tmp_path, b"\xef\xbb\xbftarget_uS,measured_uS\r\n1,2\r\n")
    assert list(table.columns["target"]) == [1.0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("# only this\n", "comments only"),
        ("target_uS,measured_uS\n", "no rows"),
        ("1,2\n3,4\n", "numbers where the header should be"),
        ("target,measured_uS\n1,2\n", '"target" has no unit, expected `target_uS`'),
        ("target (),measured_uS\n1,2\n", "has no unit"),
        ("target_uS measured_uS\n1 2\n", "--sep space"),
        ("target_uS,measured_uS\n1;2\n", "line 2: has 1 cell, expected 2 as in the header, with commas"),
        ("target_uS,measured_uS\n1,2,3\n", "line 2: has 3 cells, expected 2"),
        ("target_uS,measured_uS\n1,2\n\n3\n", "line 4: has 1 cell"),
        ("target_uS\n1\n", "has no column `measured_uS`"),
        ("target_mohm,measured_uS\n1,2\n", "has no column `target_uS`"),
        ("target (mOhm),measured_uS\n1,2\n", '"mOhm" is not a known unit, expected one of S, mS, uS, nS, Ohm, kOhm'),
        ("target_ms,measured_uS\n1,2\n", "is in ms, a unit of time, expected one of conductance"),
        ("target_uS,measured_uS,time_mS\n1,2,3\n", "is in mS, a unit of conductance, expected one of time"),
        ("target_uS,Target (mS),measured_uS\n1,2,3\n", "`target` twice"),
        ("target_uS,measured_uS,readback_uS\n1,2,3\n", "`measured` twice"),
        ("target_uS,measured_uS\n1,nan\n", "line 2: `measured` must be finite, but is nan"),
        ("target_uS,measured_uS\n1,-Infinity\n", "must be finite"),
        ("target_uS,measured_uS\n1,1e999\n", "must be finite"),
        ("target_uS,measured_uS\n1,1e12\n", "at most 1e+09 µS"),
        ("target_uS,measured_uS\n1,\n", "line 2: `measured` is empty"),
        ("target_uS,measured_uS\n,\n", "line 2: `target` is empty"),
        ("target_uS,measured_uS\n1,two\n", 'must be a number, but is "two"'),
        ("target_uS,measured_uS\n1,1_0\n", "must be a number"),
        ("target_uS,measured_uS\n1,١\n", "must be a number"),
        ('target_uS,measured_uS\n1,"2,5"\n', "no comma"),
        ('target_uS,measured_uS\n1,"2\n', "is not CSV"),
        ("target_uS,measured_uS\n-1,2\n", "line 2: `target` must be at least 0 µS, but is -1 µS"),
        ("target_uS,measured_uS,device\n1,2, \n", "`device` is empty"),
        ("target_uS,measured_uS,cycle (s)\n1,2,3\n", "has a unit, but the column `cycle` has none"),
        ("target_uS,measured_uS\n1,\x002\n", "line 2: has a NUL"),
        ("target_uS,measured_uS\n1,2\n".encode("utf-16"), "UTF-16"),
        ("target_uS,measured_uS\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("target_µS,measured_µS\n1,2\n".encode("latin-1"), "UTF-8 (byte"),
    ],
)
def test_refusals(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"target": "uS"}, '"target_mS" says mS, but --units says uS'),
        ({"traget": "mS"}, "`traget` is not a column that is read. Did you mean `target`?"),
        ({"cycle": "s"}, "has no unit"),
        ({"measured": "ms"}, "a unit of time"),
        ({"time": "s"}, "which the file does not have"),
        ({"measured": "mS", "readback": "uS"}, "two units"),
    ],
)
def test_refused_units(tmp_path: Path, units: dict[str, str], said: str) -> None:
    assert said in refused(tmp_path, "target_mS,measured,cycle\n1,2,3\n", units)


def test_the_same_unit_twice_is_no_contradiction(tmp_path: Path) -> None:
    table = read(tmp_path, "target_µS,measured\n1,2\n", {"target": "uS", "measured": "uS"})
    assert list(table.columns["target"]) == [1.0]


@pytest.mark.parametrize("text", ["target", "=uS", "target=", "", "target=mOhm", "target=US"])
def test_refused_texts_of_units(text: str) -> None:
    with pytest.raises(InputError, match="--units"):
        parse_units([text])


def test_units_named_twice() -> None:
    with pytest.raises(InputError, match="twice"):
        parse_units(["target=uS", "Target=mS"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.csv", "no such file"), (tmp_path, "cannot be read")):
        with pytest.raises(InputError, match=said):
            read_measured(path, WANTED)


PARTS = ["target_uS", "measured_uS", "measured", "time_s", "device", ",", ";", "\t", "\n", "\r", '"', "#", "nan"]
PARTS += [
    "-",
    "1",
    "2.5",
    "1e400",
    "1_0",
    "inf",
    "(",
    ")",
    "[mS]",
    "µ",
    "\x00",
    "\ufeff",
    " ",
    "é",
    "=",
    "\x85",
    "\u2028",
]


def _check_sentence(error: InputError, culprit: str) -> None:
    assert culprit in str(error)
    assert str(error).isprintable()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(PARTS), max_size=40).map("".join)))
@example(content="target_uS,measured_uS\n1,2")
def test_anything_is_a_result_or_a_sentence(tmp_path: Path, content: str | bytes) -> None:
    try:
        table = read(tmp_path, content)
    except InputError as error:
        _check_sentence(error, "chip.csv")
        return
    for name, values in table.columns.items():
        assert len(values) == len(table.lines) > 0
        assert name == "device" or np.isfinite(values).all()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1e5), st.floats(-1e5, 1e5), st.text(max_size=8)),
        min_size=1,
        max_size=8,
    ),
    unit=st.sampled_from(["S", "mS", "uS", "nS", None]),
)
def test_a_unit_is_read_or_refused(tmp_path: Path, rows: list[tuple[float, float, str]], unit: str | None) -> None:
    ending = f"_{unit}" if unit else ""
    lines = [f"target{ending},measured_uS"] + [f"{target!r},{measured!r}" for target, measured, _ in rows]
    if unit is None:
        assert "has no unit" in refused(tmp_path, "\n".join(lines))
        return
    factor = {"S": 1e6, "mS": 1e3, "uS": 1.0, "nS": 1e-3}[unit]
    if max(target for target, _, _ in rows) * factor > 1e9:
        assert "at most" in refused(tmp_path, "\n".join(lines))
        return
    table = read(tmp_path, "\n".join(lines))
    np.testing.assert_allclose(table.columns["target"], [row[0] * factor for row in rows], rtol=1e-15)
    np.testing.assert_array_equal(table.columns["measured"], [row[1] for row in rows])


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(alphabet="target=uSmV \n", max_size=12), max_size=3))
def test_any_texts_of_units(texts: list[str]) -> None:
    try:
        units = parse_units(texts)
    except InputError as error:
        _check_sentence(error, "--units")
    else:
        assert len(units) == len(texts)
