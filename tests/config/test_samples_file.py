from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rampjax.checks import InputError
from rampjax.config.build import build_design
from rampjax.config.points import load_inputs, point_from_options
from rampjax.config.samples_file import read_samples

Write = Callable[..., Path]


@pytest.mark.parametrize(
    "content",
    [
        "1\n-2.5\n3e-1\n",
        "x\n1\n-2.5\n0.3",
        "\ufeffactivation (V)\r\n1\r\n\r\n-2.5\r\n0.3\r\n",
        '"x"\n"1"\n"-2.5"\n0.3,\n',
        "1 -2.5\t0.3\n",
        "1, -2.5, 0.3\n",
        "1,-2.5,0.3,\n",
        "\n1; -2.5; 3e-1\n\n",
    ],
)
def test_one_number_per_line_or_all_on_one(content: str, write: Write) -> None:
    np.testing.assert_array_equal(read_samples(write(content, "acts.csv")), [1.0, -2.5, 0.3])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_numpy_arrays_of_any_shape(dtype: type, tmp_path: Path) -> None:
    np.save(tmp_path / "acts.npy", np.arange(12, dtype=dtype).reshape(3, 4))
    np.testing.assert_array_equal(read_samples(tmp_path / "acts.npy"), np.arange(12.0))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("1\nnan\n", "a.csv", "line 2: must be finite, but is nan"),
        ("x\n1\n-inf\n", "a.csv", "line 3: must be finite, but is -inf"),
        ("1\ntwo\n", "a.txt", 'line 2: must be one number, but is "two"'),
        ("1,2\n3,4\n", "a.csv", 'line 1: must be one number, or all numbers on one line, but is "1,2"'),
        ("1 2\n3 4\n", "a.txt", 'line 1: must be one number, or all numbers on one line, but is "1 2"'),
        ("0,1;0,2\n", "a.txt", 'line 1: must be one number, or all numbers on one line, but is "0,1"'),
        ("0,1 0,2\n", "a.txt", 'line 1: must be one number, or all numbers on one line, but is "1 0"'),
        ("0.1 two 0.3\n", "a.txt", 'line 1: must be one number, but is "two"'),
        ("inputs\n", "a.txt", 'line 1: must be one number, but is "inputs"'),
        ("1_0\n2\n3\n", "a.txt", 'line 1: must be one number, but is "1_0"'),
        ("1\n2_0\n", "a.txt", 'line 2: must be one number, but is "2_0"'),
        ("1\n\u0661\n", "a.txt", "line 2: must be one number"),
        (b"1\n\xff\n", "a.csv", "is not text in UTF-8"),
        (b"not an array", "a.npy", "is not an array of NumPy"),
        (b"", "a.npy", "is not an array of NumPy"),
    ],
)
def test_wrong_files_are_refused_with_file_and_line(
    content: str | bytes, name: str, message: str, write: Write
) -> None:
    with pytest.raises(InputError, match=rf"{name}: {message}"):
        read_samples(write(content, name))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_samples(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_samples(tmp_path / "folder.csv")
    np.save(tmp_path / "text.npy", np.array(["a"]))
    with pytest.raises(InputError, match=r"text\.npy: must be an array of real numbers"):
        read_samples(tmp_path / "text.npy")
    np.save(tmp_path / "nan.npy", np.array([1.0, np.nan]))
    with pytest.raises(InputError, match=r"nan\.npy: must hold finite numbers only, but number 2 is nan"):
        read_samples(tmp_path / "nan.npy")


def test_inputs_are_text_or_a_file(tmp_path: Path) -> None:
    assert load_inputs("output", tmp_path) is None
    normal = load_inputs("normal:0:1", tmp_path)
    assert normal is not None
    assert normal.text == "normal:0:1"
    np.save(tmp_path / "acts.npy", np.random.default_rng(1).normal(size=100))
    samples = load_inputs("acts.npy", tmp_path)
    assert samples is not None
    assert samples.samples is not None
    assert (samples.text, samples.samples.size) == ("acts.npy", 100)
    with pytest.raises(InputError, match="no such file"):
        load_inputs("other.txt", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"), [("1\n" * 30, "must differ"), ("1\n2\n", "at least 16 inputs, but has 2")]
)
def test_samples_that_are_no_distribution_are_refused_with_their_file(content: str, message: str, write: Write) -> None:
    path = write(content, "acts.csv")
    with pytest.raises(InputError, match=message) as caught:
        point_from_options("tanh", inputs=str(path))
    assert "acts.csv" in str(caught.value)


def test_a_point_has_its_inputs(tmp_path: Path) -> None:
    path = tmp_path / "acts.npy"
    np.save(path, np.random.default_rng(2).normal(size=1000))
    point = point_from_options("tanh", 4, levels="optimal", inputs=str(path))
    assert (point.inputs, point.inputs_path) == (str(path), path)
    digest = point.inputs_sha256()
    assert digest is not None
    assert len(digest) == 64
    target = build_design(point).target
    assert target.levels == "optimal"
    assert target.inputs is not None
    assert target.inputs.samples is not None
    plain = point_from_options("tanh", 4, overrides=["design.inputs=normal:0:1", "design.levels=bs_kmq"])
    assert (plain.inputs, plain.inputs_path, plain.inputs_sha256()) == ("normal:0:1", None, None)
    assert build_design(plain).target.inputs is not None
    assert point_from_options("tanh").make_inputs() is None
    with pytest.raises(InputError, match="`inputs` must be output"):
        point_from_options("tanh", inputs="gauss")
