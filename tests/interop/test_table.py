"""A converter as a table: the codes of `convert`, files that read back, and files that do not."""

import io
import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from converter_tables import CURVE, MADE, hard_inputs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rampjax as rj
from rampjax.circuit.converter import convert
from rampjax.interop.table import KEYS, ConverterTable, converter_table, table_json, table_npz
from rampjax.interop.table_reading import load_table
from rampjax.montecarlo import chip as chips

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def normal(x: np.ndarray) -> np.ndarray:
    """Inputs without those so small that a compiled kernel takes them for 0."""
    tiny = np.finfo(x.dtype).tiny
    return np.where(np.abs(x) < tiny, np.sign(x) * tiny, x).astype(x.dtype)


def same(one: ConverterTable, other: ConverterTable) -> bool:
    return all(np.array_equal(getattr(one, key), getattr(other, key)) for key in KEYS)


@pytest.mark.parametrize("name", [name for name in MADE if name != "10 bits"])
def test_codes_are_those_of_convert(name):
    """In float64, for every input: at a threshold, beside it, beyond the range, infinite, NaN."""
    table = MADE[name]()
    x = normal(hard_inputs(table, 10_000))
    with jax.enable_x64(True):
        codes = np.asarray(convert(jnp.asarray(x), jnp.asarray(table.thresholds), jnp.asarray(table.codes)))
    np.testing.assert_array_equal(table.convert(x), codes)
    np.testing.assert_array_equal(table.evaluate(x), table.outputs[table.bins(x)])
    assert table.convert(0.0).shape == ()


def test_codes_of_many_thresholds_are_those_of_convert_but_for_nan():
    """Beyond 512 thresholds `convert` searches, which puts NaN last."""
    table = MADE["10 bits"]()
    x = normal(hard_inputs(table, 10_000))
    known = ~np.isnan(x)
    with jax.enable_x64(True):
        codes = np.asarray(convert(jnp.asarray(x), jnp.asarray(table.thresholds), jnp.asarray(table.codes)))
    np.testing.assert_array_equal(table.convert(x)[known], codes[known])
    assert table.convert(math.nan) == table.codes[0]


def test_a_chip_has_the_codes_of_convert_in_single_precision():
    """A sampled chip's thresholds are single precision, so that inputs of that precision need no other."""
    design = rj.design("sigmoid", 8)
    chip = chips.sample_chip(design, 1, 17)
    table = converter_table(design, 17)
    x = normal(hard_inputs(table, 10_000, np.float32))
    thresholds = np.asarray(chip.thresholds, np.float32)
    assert (thresholds == chip.thresholds).all()
    np.testing.assert_array_equal(
        table.convert(x), convert(jnp.asarray(x), jnp.asarray(thresholds), jnp.asarray(design.target.codes))
    )


def test_thresholds_that_changed_places_have_the_same_codes(monkeypatch):
    design = rj.design("gelu", 5)
    order = np.random.default_rng(4).permutation(len(design.target.thresholds))
    crossed = design.target.thresholds[order].astype(np.float32)
    noise = np.linspace(0.01, 0.02, len(crossed))

    class Crossed:
        thresholds, sigma_x = crossed.astype(float), noise

    monkeypatch.setattr(chips, "sample_chip", lambda design, seed, sample: Crossed)
    table = converter_table(design, 0)
    assert (np.diff(table.thresholds) >= 0).all()
    np.testing.assert_array_equal(table.sigma_x, noise[np.argsort(crossed)])
    x = normal(hard_inputs(table, 2_000, np.float32))
    codes = convert(jnp.asarray(x), jnp.asarray(crossed), jnp.asarray(design.target.codes))
    np.testing.assert_array_equal(table.convert(x), codes)


def test_a_chip_whose_thresholds_are_not_finite_is_refused(monkeypatch):
    class Broken:
        thresholds, sigma_x = np.full(7, np.nan), np.zeros(7)

    monkeypatch.setattr(chips, "sample_chip", lambda design, seed, sample: Broken)
    with pytest.raises(rj.InputError, match="Chip 3 of seed 1 has thresholds that are not finite"):
        converter_table(rj.design("tanh", 3), 3)


def test_what_a_table_says_of_its_design():
    design = rj.design("gelu", 4)
    ideal, chip = converter_table(design, name="design.json"), converter_table(design, 3, 7)
    assert (ideal.function, ideal.bits, ideal.levels, ideal.design) == ("gelu", 4, "midrise", "design.json")
    assert (ideal.sample, ideal.seed, chip.sample, chip.seed) == (None, None, 3, 7)
    assert not ideal.sigma_x.any()
    assert chip.sigma_x[-1] > 0
    np.testing.assert_array_equal(ideal.thresholds, design.target.thresholds)
    assert not np.array_equal(chip.thresholds, ideal.thresholds)
    np.testing.assert_allclose(ideal.scale_V * ideal.thresholds, design.v_ramp_V, atol=1e-12)
    wanted = design.target.function.evaluate(ideal.thresholds)
    np.testing.assert_allclose(ideal.boundaries, wanted, atol=1e-9)
    np.testing.assert_allclose(np.abs(np.diff(ideal.outputs)), ideal.lsb)


@pytest.mark.parametrize("name", ["sigmoid, 5 bits", "a table", "optimal levels", "a chip"])
@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_a_file_reads_back(tmp_path: Path, name, ending):
    table = MADE[name]()
    content = (table_json if ending == ".json" else table_npz)(table)
    assert content == (table_json if ending == ".json" else table_npz)(table)  # no time stamp
    path = tmp_path / f"t{ending}"
    path.write_bytes(content)
    assert same(load_table(path), table)


def test_other_tools_read_it(tmp_path: Path):
    """JSON without anything that is not JSON, NPZ without anything pickled."""
    table = MADE["a chip"]()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    record = json.loads(table_json(MADE["sigmoid, 5 bits"]()), parse_constant=refuse)
    assert (record["x_lo"], record["sample"], record["schema_version"]) == (None, None, 1)
    with np.load(io.BytesIO(table_npz(table)), allow_pickle=False) as archive:
        assert set(archive.files) == set(KEYS)
        np.testing.assert_array_equal(archive["thresholds"], table.thresholds)
        assert archive["codes"].dtype == np.int64
        assert str(archive["function"]) == "gelu"
    with np.load(io.BytesIO(table_npz(MADE["sigmoid, 5 bits"]()))) as archive:
        assert set(KEYS) - set(archive.files) == {"sample", "seed"}
        assert archive["x_lo"] == -math.inf


def test_reading_a_table_needs_no_jax(tmp_path: Path):
    (tmp_path / "t.npz").write_bytes(table_npz(MADE["2 bits"]()))
    code = "import sys, rampjax as rj; print(rj.load_table('t.npz').convert(9.0), 'jax' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("3 False\n", "")


GOOD = json.loads(table_json(converter_table(rj.design(CURVE, 3), name="d.json")))
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"schema_version": 2}, ["schema_version", "2"]),
    ({"schema_version": True}, ["schema_version", "true"]),
    ({"function": 3}, ["function", "text"]),
    ({"bits": "3"}, ["bits", "integer"]),
    ({"bits": 17}, ["bits", "16", "17"]),
    ({"bits": 3.0}, ["bits", "integer"]),
    ({"lsb": 0}, ["lsb", "above 0"]),
    ({"lsb": None}, ["lsb", "finite"]),
    ({"scale_V": -1.0}, ["scale_V", "above 0"]),
    ({"y_lo": 5.0}, ["y_lo", "y_hi"]),
    ({"x_lo": 9.0}, ["x_lo", "x_hi"]),
    ({"x_lo": "low"}, ["x_lo", "number"]),
    ({"thresholds": []}, ["thresholds", "empty"]),
    ({"thresholds": GOOD["thresholds"][::-1]}, ["thresholds", "ascending"]),
    ({"thresholds": GOOD["thresholds"][1:]}, ["sigma_x"]),
    ({"thresholds": {"a": 1}}, ["thresholds", "list"]),
    ({"thresholds": [*GOOD["thresholds"][:-1], 10**400]}, ["thresholds", "finite"]),
    ({"thresholds": [*GOOD["thresholds"][:-1], True]}, ["thresholds", "finite"]),
    ({"sigma_x": [-1e-9 for _ in GOOD["sigma_x"]]}, ["sigma_x", "negative"]),
    ({"codes": GOOD["codes"][1:]}, ["codes", "holds"]),
    ({"codes": [8, *GOOD["codes"][1:]]}, ["codes", "7", "8"]),
    ({"codes": [-1, *GOOD["codes"][1:]]}, ["codes", "-1"]),
    ({"codes": [0.5, *GOOD["codes"][1:]]}, ["codes", "integers"]),
    ({"outputs": [None] * len(GOOD["outputs"])}, ["outputs", "list"]),
    ({"boundaries": [[0.0]]}, ["boundaries", "list"]),
    ({"sample": 3}, ["sample", "seed"]),
    ({"sample": -1, "seed": 1}, ["sample", "-1"]),
    ({"sample": 1, "seed": 2**63}, ["seed"]),
    ({"treshold": [1.0]}, ["treshold", "thresholds"]),
]


@pytest.mark.parametrize(("changed", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_key_is_named(tmp_path: Path, changed, words):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(GOOD | changed))
    with pytest.raises(rj.InputError) as refused:
        load_table(path)
    for word in ("t.json", *words):
        assert word in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_named(tmp_path: Path, key):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({name: value for name, value in GOOD.items() if name != key}))
    with pytest.raises(rj.InputError, match=rf"t\.json: `{key}` is missing"):
        load_table(path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "no such file"),
        ("none.npz", None, "no such file"),
        ("t.csv", b"x,y\n", r"does not end in \.json or \.npz"),
        ("t.json", b"", "is not JSON"),
        ("t.json", b"[1]", "is not a JSON object"),
        ("t.json", b'{"bits": 3, "bits": 4}', "`bits` is there twice"),
        ("t.json", b'{"lsb": NaN}', "finite numbers only, but has NaN"),
        ("t.json", b"[" * 100_000, "is not JSON"),
        ("t.json", b"1" * 5_000, "is not JSON"),
        ("t.json", '{"µ"}'.encode("latin-1"), "UTF-8"),
        ("t.json", "{}".encode("utf-16"), "UTF-8"),
        ("t.npz", b"", "is not an archive of NumPy arrays"),
        ("t.npz", b"PK\x05\x06" + bytes(18), "`schema_version` is missing"),
        ("t.npz", b'{"bits": 3}', "is not an archive of NumPy arrays"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, name, content, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(rj.InputError, match=words):
        load_table(tmp_path / name)


def test_an_archive_with_objects_or_with_one_array_is_refused(tmp_path: Path):
    arrays = {key: np.asarray(value) for key, value in GOOD.items() if value is not None}
    for changed in ({"codes": np.array([{}], object)}, {"lsb": np.array(1j)}, {"bits": np.array([3])}):
        np.savez(tmp_path / "t.npz", **(arrays | changed))
        with pytest.raises(rj.InputError, match=r"t\.npz"):
            load_table(tmp_path / "t.npz")
    with open(tmp_path / "t.npz", "wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(rj.InputError, match="is not an archive"):
        load_table(tmp_path / "t.npz")
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("bits.npy", b"no array")
        archive.writestr("note", b"text")
    with pytest.raises(rj.InputError, match=r"t\.npz"):
        load_table(tmp_path / "t.npz")


def read_or_refused(path: Path) -> None:
    refusal, table = "", None
    try:
        table = load_table(path)
    except rj.InputError as error:
        refusal = str(error)
    if table is None:
        assert str(path) in refusal
        assert refusal.isprintable()
        return
    assert (np.diff(table.thresholds) >= 0).all()
    assert len(table.codes) == len(table.outputs) == len(table.thresholds) + 1
    assert table.convert(hard_inputs(table, 100)).min() >= 0


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@FUZZ
@given(key=st.sampled_from(KEYS), value=ANY)
def test_any_value_of_any_key_is_read_or_refused(tmp_path: Path, key, value):
    (tmp_path / "t.json").write_text(json.dumps(GOOD | {key: value}))
    read_or_refused(tmp_path / "t.json")


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("ending", [".json", ".npz"])
def test_damaged_bytes_are_read_or_refused(tmp_path: Path, ending, data):
    table = converter_table(rj.design(CURVE, 2))
    content = bytearray((table_json if ending == ".json" else table_npz)(table))
    for _ in range(data.draw(st.integers(0, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(content)))
    (tmp_path / f"t{ending}").write_bytes(bytes(content[:cut]))
    read_or_refused(tmp_path / f"t{ending}")
