import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rampjax.checks import InputError
from rampjax.config.table_file import read_table

Write = Callable[..., Path]


@pytest.mark.parametrize(
    "content",
    [
        "0,0\n1,2\n3,-1\n",
        "x,y\n0,0\n1,2\n3,-1\n",
        "x (V), y\n0, 0\n\n1, 2\r\n3, -1",
        "\ufeffx,y\n0,0\n1,2\n3,-1",
        '"x","y"\n"0","0"\n1,2\n3,-1\n,\n',
    ],
)
def test_tables_with_and_without_header(content: str, write: Write) -> None:
    function = read_table(write(content, "curve.csv"), "curve")
    assert function.name == "curve"
    assert (function.x_lo, function.x_hi) == (0.0, 3.0)
    np.testing.assert_allclose(function.evaluate(np.array([0.0, 0.5, 2.0, 3.0])), [0.0, 1.0, 0.5, -1.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must have at least two rows of numbers, but has 0"),
        ("x,y\n", "must have at least two rows of numbers, but has 0"),
        ("x,y\n1,2\n", "must have at least two rows of numbers, but has 1"),
        ("x,y\n1,2\n2,nan\n", "line 3: y must be finite, but is nan"),
        ("1,2\ninf,3\n", "line 2: x must be finite, but is inf"),
        ("x,y\n1,2\n\n0.5,3\n", "line 4: x must be ascending, but 0.5 follows 1"),
        ("1,2\n1,3\n", "line 2: x must be ascending, but 1 follows 1"),
        ("1,2,3\n2,3,4\n", "line 1: must have two columns .*, but has 3"),
        ("x;y\n1;2\n", "line 1: must have two columns .*, but has 1"),
        ("1,2\n2\n", "line 2: must have two columns .*, but has 1"),
        ("x,y\n1,a\n2,3\n", 'line 2: y must be a number, but is "a"'),
        ("1_0,2_0\n20,3\n30,4\n", 'line 1: x must be a number, but is "1_0"'),
        ("1,2\n2,1_0\n", 'line 2: y must be a number, but is "1_0"'),
        ("1,2\n2,\n", 'line 2: y must be a number, but is ""'),
        (b"x,y\n1,\xff\n", "is not text in UTF-8"),
        ('1,"2\n2,3\n', "line 2: is not CSV"),
    ],
)
def test_wrong_tables_are_refused_with_file_and_line(content: str | bytes, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=r"curve\.csv: " + message):
        read_table(write(content, "curve.csv"))


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=40), st.text(alphabet='0123456789.,-e\n"xn \0', max_size=40)))
def test_nothing_but_an_input_error_comes_out(content: bytes | str, write: Write) -> None:
    path = write(content, "curve.csv")
    with contextlib.suppress(InputError):
        function = read_table(path)
        assert np.isfinite(function.evaluate(np.array([function.x_lo, function.x_hi]))).all()


def test_columns_in_the_other_order_are_not_read_as_if_in_this(tmp_path):
    path = tmp_path / "swapped.csv"
    path.write_text("y,x\n0,0\n1,1\n")
    with pytest.raises(InputError, match=r"swapped\.csv: line 1: the columns must be x, y"):
        read_table(path)
