"""Thresholds of a real converter from its conversions: found within their stated errors, measured as `metrics` does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.design_file import design_record
from rampjax.interop.adc.check import check_adc
from rampjax.interop.adc.file import Histogram, TransferCurve, read_conversions
from rampjax.interop.adc.linearity import from_histogram, from_transfer, parse_input
from rampjax.interop.column.linearity import linearity
from rampjax.interop.measured.reader import parse_reading
from rampjax.montecarlo.chip import sample_chip
from rampjax.study.bench_data import _share_better
from rampjax.target.arrays import target_arrays

ROUNDS = 60


def codes_of(design: Design, thresholds: np.ndarray, x: np.ndarray) -> np.ndarray:
    return design.target.codes[np.searchsorted(thresholds, x, side="right")]


def draw(rng: np.random.Generator, signal: str, n: int) -> np.ndarray:
    kind, first, second = signal.split(":")
    if kind == "ramp":
        return rng.uniform(float(first), float(second), n)
    return float(second) + float(first) * np.sin(2 * np.pi * rng.uniform(0, 1, n))


def check_coverage(estimates: list[Any], thresholds: np.ndarray) -> None:
    """The errors are those that are stated: pulls have the mean 0 and the standard deviation 1, each threshold's."""
    pulls = np.array([(each.x - thresholds) / each.error_x for each in estimates])
    n = len(pulls)
    assert np.isfinite(pulls).all()
    assert np.abs(pulls.mean(axis=0)).max() < 4.5 / np.sqrt(n)
    assert abs(pulls.std() - 1) < 0.12
    assert np.mean(np.abs(pulls) < 1.96) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("function", "signal"),
    [("sigmoid", "ramp:-6:6"), ("sigmoid", "sine:6:0.5"), ("exp(-x)", "ramp:-0.5:5"), ("exp(-x)", "sine:4:2")],
)
def test_a_histogram_finds_the_thresholds_within_their_errors(function, signal):
    design = rj.design(function, 4, x_range=(0.0, 4.0) if function == "exp(-x)" else None)
    thresholds = sample_chip(design, 3, 1).thresholds
    rng = np.random.default_rng(7)
    found = []
    for _ in range(ROUNDS):
        codes = codes_of(design, thresholds, draw(rng, signal, 20_000))
        histogram = Histogram(np.bincount(codes, minlength=16).astype(float), ())
        found.append(from_histogram(histogram, design.target, parse_input(signal)))
    check_coverage(found, thresholds)
    # Neighbours of one multinomial draw go together as is stated.
    x = np.array([each.x for each in found])
    joint = np.mean([each.joint_x2 for each in found], axis=0)
    seen = np.mean((x - thresholds)[:, :-1] * (x - thresholds)[:, 1:], axis=0)
    np.testing.assert_allclose(seen / joint, 1.0, atol=0.8)
    assert np.mean(seen / joint) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("function", ["sigmoid", "exp(-x)", "sin(x)"])
def test_a_noisy_transfer_curve_finds_the_thresholds_within_their_errors(function):
    """On every branch, from random inputs in any order; and the noise with them."""
    design = rj.design(function, 3, x_range={"exp(-x)": (0.0, 4.0), "sin(x)": (-3.0, 4.0)}.get(function))
    thresholds = sample_chip(design, 3, 1).thresholds
    noise = 0.03
    rng = np.random.default_rng(3)
    found = []
    for _ in range(ROUNDS):
        x = rng.uniform(thresholds[0] - 0.5, thresholds[-1] + 0.5, 4000)
        codes = codes_of(design, thresholds, x + noise * rng.standard_normal(x.size))
        found.append(from_transfer(TransferCurve(x, codes, ()), design.target))
    check_coverage(found, thresholds)
    sigma = np.array([each.sigma_x for each in found])
    np.testing.assert_allclose(np.median(sigma, axis=0), noise, rtol=0.12)


def test_repeated_inputs_on_a_grid_with_noise():
    design = rj.design("sigmoid", 4)
    thresholds = sample_chip(design, 3, 1).thresholds
    rng = np.random.default_rng(5)
    x = np.repeat(np.linspace(-5, 5, 501), 30)
    found = [
        from_transfer(
            TransferCurve(x, codes_of(design, thresholds, x + 0.02 * rng.standard_normal(x.size)), ()), design.target
        )
        for _ in range(ROUNDS)
    ]
    check_coverage(found, thresholds)


def test_where_few_conversions_mix_neighbours_share_their_noise():
    """Inputs 0.4 sigma apart: a fit of T and sigma to a handful of conversions would be far too sure of itself."""
    design = rj.design("x**2", 4, x_range=(-1.0, 1.0))
    thresholds = sample_chip(design, 1, 1).thresholds
    pulls = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, 5000)
        codes = codes_of(design, thresholds, x + 0.001 * rng.standard_normal(x.size))
        found = from_transfer(TransferCurve(x, codes, ()), design.target)
        pulls.append((found.x - thresholds) / found.error_x)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)
    assert np.abs(pulls).max() < 5


def test_a_transfer_curve_without_noise_is_as_good_as_its_grid():
    design = rj.design("gelu", 5)
    thresholds = sample_chip(design, 3, 1).thresholds
    x = np.linspace(design.target.x_lo, design.target.x_hi, 3001)
    found = from_transfer(TransferCurve(x, codes_of(design, thresholds, x), ()), design.target)
    step = x[1] - x[0]
    assert np.abs(found.x - thresholds).max() <= 0.5 * step * (1 + 1e-6)
    np.testing.assert_allclose(found.error_x, step / np.sqrt(12))
    assert np.isnan(found.sigma_x).all()


def test_a_threshold_that_has_moved_over_an_extremum_is_followed():
    """x squared, its lowest bin from -1/4 to 1/4 moved up by more than half its width."""
    design = rj.design("x**2", 4, x_range=(-1.0, 1.0))
    thresholds = design.target.thresholds + 0.3
    x = np.linspace(-1, 1.4, 4801)
    found = from_transfer(TransferCurve(x, codes_of(design, thresholds, x), ()), design.target)
    np.testing.assert_allclose(found.x, thresholds, atol=2.6e-4)


def test_inl_and_dnl_are_those_of_the_metrics():
    """Beyond what a finite count leaves, against plain NumPy on the chip's own thresholds."""
    design = rj.design("sigmoid", 5)
    chip = sample_chip(design, 3, 2)
    y = 1 / (1 + np.exp(-chip.thresholds))
    inl = 32 * y - np.arange(1, 32)
    exact = linearity(design.target, target_arrays(design.target), chip.thresholds)
    np.testing.assert_allclose(exact.inl_lsb, inl, atol=2e-5)
    np.testing.assert_allclose(exact.dnl_lsb, np.diff(inl), atol=4e-5)
    shares = np.diff(np.concatenate([[0.0], stats.uniform(-6, 12).cdf(chip.thresholds), [1.0]]))
    counts = np.rint(shares * 1e11)
    record = check_adc(design, design_record(design), Histogram(counts, ()), parse_input("ramp:-6:6"))
    np.testing.assert_allclose(record["inl_lsb"], inl, atol=1e-4)
    np.testing.assert_allclose(record["dnl_lsb"], np.diff(inl), atol=1e-4)
    assert record["max_inl_lsb"] == pytest.approx(np.abs(inl).max(), abs=1e-4)
    assert record["rmse_lsb"] == pytest.approx(np.sqrt(1 / 12 + np.sum(inl**2) / 32), rel=1e-3)


def test_errors_of_inl_and_dnl_are_stated():
    design = rj.design("sigmoid", 4)
    thresholds = sample_chip(design, 3, 2).thresholds
    inl = 16 / (1 + np.exp(-thresholds)) - np.arange(1, 16)
    rng = np.random.default_rng(2)
    pulls: dict[str, list[np.ndarray]] = {"inl": [], "dnl": []}
    for _ in range(ROUNDS):
        counts = np.bincount(codes_of(design, thresholds, rng.uniform(-5, 5, 30_000)), minlength=16).astype(float)
        record = check_adc(design, design_record(design), Histogram(counts, ()), parse_input("ramp:-5:5"))
        for name, true in (("inl", inl), ("dnl", np.diff(inl))):
            pulls[name].append((np.array(record[f"{name}_lsb"]) - true) / np.array(record[f"{name}_error_lsb"]))
    for each in pulls.values():
        assert np.std(each) == pytest.approx(1.0, abs=0.16)  # neighbouring INLs go together
        assert abs(np.mean(each)) < 0.3


def test_a_missing_code_is_named_and_what_was_not_reached_is_left_out():
    design = rj.design("sigmoid", 4)
    thresholds = design.target.thresholds.copy()
    thresholds[7] = thresholds[6]
    x = np.linspace(thresholds[1] + 0.01, 6, 20_000)
    counts = np.bincount(codes_of(design, thresholds, x), minlength=16).astype(float)
    record = check_adc(design, design_record(design), Histogram(counts, ()), parse_input(f"ramp:{x[0]}:6"))
    assert record["missing_codes"] == [7]
    assert record["x"][:2] == [None, None]
    assert record["rmse_lsb"] is None
    assert record["dnl_lsb"][6] == pytest.approx(-1.0, abs=1e-3)
    assert "Thresholds 1, 2 lie outside" in record["notes"][0]
    curve = check_adc(design, design_record(design), TransferCurve(x, codes_of(design, thresholds, x), ()))
    assert curve["missing_codes"] == [7]
    assert curve["x"][:2] == [None, None]


@pytest.mark.parametrize(("function", "words"), [("sigmoid", "fall where the design rises"), ("exp(-x)", "rise")])
def test_inverted_codes_are_said_to_be(function, words):
    design = rj.design(function, 4, x_range=(0.0, 4.0) if function == "exp(-x)" else None)
    x = np.linspace(-6, 6, 2001)
    codes = 15 - codes_of(design, design.target.thresholds, x)
    with pytest.raises(InputError, match=words):
        check_adc(design, design_record(design), TransferCurve(x, codes, ()))


def test_in_the_comparison_simulated_chips_are_measured_too():
    """Of chips that are all ideal, as many look better in a histogram as of histograms that are drawn."""
    design = rj.design("sigmoid", 4)
    thresholds, rng = design.target.thresholds, np.random.default_rng(5)
    records = []
    for _ in range(150):
        counts = np.bincount(codes_of(design, thresholds, draw(rng, "ramp:-5:5", 3000)), minlength=16).astype(float)
        records.append(check_adc(design, design_record(design), Histogram(counts, ()), parse_input("ramp:-5:5")))
    worst = np.array([record["max_inl_lsb"] for record in records])
    simulated = np.repeat(thresholds[None], 1000, axis=0)
    place = int(np.argsort(worst)[75])
    assert _share_better(design.target, records[place], simulated, 1) == pytest.approx(0.5, abs=0.15)
    place = int(np.argsort(worst)[15])
    assert _share_better(design.target, records[place], simulated, 1) == pytest.approx(0.1, abs=0.09)


@pytest.mark.parametrize(("rows", "words"), [(7, "1 code has no row"), (6, "2 codes have no row")])
def test_codes_without_a_row_are_counted(tmp_path, rows, words):
    (tmp_path / "m.csv").write_text("\n".join(["code,count", *(f"{code},5" for code in range(rows))]))
    assert words in read_conversions(tmp_path / "m.csv", FUZZED).notes[-1]


def test_a_histogram_does_not_tell_branches_apart():
    design = rj.design("sin(x)", 4)
    with pytest.raises(InputError, match=r"histogram.*sin.*transfer curve"):
        check_adc(design, design_record(design), Histogram(np.ones(16), ()), parse_input("ramp:-1:1"))


def test_volts_are_inputs_times_the_scale(tmp_path):
    design = rj.design("tanh", 3)
    (tmp_path / "m.csv").write_text("v_mV,code\n-100,1\n50,5\n")
    found = read_conversions(tmp_path / "m.csv", design)
    assert isinstance(found, TransferCurve)
    np.testing.assert_allclose(found.x * design.scale_V, [-0.1, 0.05])


@pytest.mark.parametrize("text", ["ramp", "ramp:1", "ramp:1:0", "sine:0:1", "sine:-1:0", "ramp:nan:1", "saw:0:1", ""])
def test_inputs_that_make_no_sense_are_refused(text):
    with pytest.raises(InputError, match="--input"):
        parse_input(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code\n1\n", ["`x`", "`v`", "`count`"]),
        ("x,code,count\n1,1,1\n", ["`x` and `count`"]),
        ("x,v_V,code\n1,1,1\n", ["`x` and `v`"]),
        ("v,code\n1,1\n", ["no unit"]),
        ("x,code\n1,8\n2,1\n", ["line 2", "0 to 7", "8"]),
        ("x,code\n1,0.5\n2,1\n", ["line 2", "whole", "0.5"]),
        ("x,code\n1,1\n1,2\n", ["two different inputs"]),
        ("code,count\n1,5\n1,6\n", ["line 3", "code 1", "twice"]),
        ("code,count\n1,0.5\n", ["line 2", "whole", "0.5"]),
        ("code,count\n1,-5\n", ["line 2", "at least 0"]),
        ("code,count\n1,0\n", ["at least one"]),
    ],
)
def test_a_table_of_something_else_is_one_sentence(tmp_path, text, words):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError) as error:
        read_conversions(tmp_path / "m.csv", FUZZED)
    for word in ["m.csv", *words]:
        assert word in str(error.value)


CELLS = st.one_of(
    st.integers(-1, 9).map(str),
    st.floats(-1e3, 1e16).map(str),
    st.sampled_from(["", "nan", "-inf", "1e400", "1,5", '"', "\0", "١"]),
    st.text(max_size=4),
)
HEADERS = st.sampled_from(["x,code", "code,count", "v_mV,code", "v,code", "x;code", "code,x,count", "code"])


def report(path: Path) -> dict[str, Any]:
    measured = read_conversions(path, FUZZED)
    return check_adc(
        FUZZED, design_record(FUZZED), measured, parse_input("ramp:-4:4") if isinstance(measured, Histogram) else None
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=HEADERS,
    rows=st.lists(
        st.one_of(
            st.tuples(st.integers(0, 7), st.integers(0, 7)).map(lambda pair: [str(each) for each in pair]),
            st.lists(CELLS, min_size=2, max_size=3),
        ),
        max_size=12,
    ),
)
def test_any_table_is_a_sentence_or_a_result(tmp_path, header, rows):
    (tmp_path / "m.csv").write_bytes("\n".join([header, *map(",".join, rows)]).encode("utf-8", "replace"))
    check_result_or_sentence(tmp_path / "m.csv")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 7)), min_size=2, max_size=60),
    repeat=st.integers(1, 3),
)
def test_any_codes_at_any_inputs_are_a_sentence_or_a_result(tmp_path, pairs, repeat):
    """Codes that have nothing to do with their inputs, as of a broken converter, too."""
    lines = [f"{x!r},{code}" for x, code in pairs] * repeat
    (tmp_path / "m.csv").write_text("\n".join(["x,code", *lines]))
    check_result_or_sentence(tmp_path / "m.csv")


def check_result_or_sentence(path: Path) -> None:
    try:
        record = report(path)
    except InputError as error:
        said = str(error)
    else:
        lost = record["max_inl_lsb"] is None
        assert record["max_inl_fit_lsb" if lost else "max_inl_lsb"] >= 0
        assert not lost or record["overfull_ends"]
        return
    assert said.endswith(".") or "expected" in said
    assert "\n" not in said


FUZZED = rj.design("sigmoid", 3)


def test_all_conversions_of_an_input_in_a_line(tmp_path: Path) -> None:
    """A row for each code, in the order of the file: what a curve of one conversion in a line gives too."""
    design = rj.design("x", 3, x_range=(0.0, 1.0))
    x = np.repeat(np.linspace(0, 1, 41), 3)
    codes = np.clip(x * 8 + np.tile([-0.2, 0.0, 0.2], 41), 0, 7).astype(int)
    tall, wide = tmp_path / "tall.csv", tmp_path / "wide.csv"
    tall.write_text("x,code\n" + "".join(f"{one!r},{code}\n" for one, code in zip(x.tolist(), codes, strict=True)))
    rows = [
        f"{one!r};" + ";".join(map(str, each)) for one, each in zip(x[::3].tolist(), codes.reshape(-1, 3), strict=True)
    ]
    wide.write_text("\n".join(rows).replace(".", ","))
    one = read_conversions(tall, design)
    two = read_conversions(wide, design, None, parse_reading(no_header=True, columns="x,code..."))
    assert isinstance(one, TransferCurve)
    assert isinstance(two, TransferCurve)
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.codes, two.codes)
    assert two.said[1].endswith("columns 2 to the last as code, a row for each: 123")
    wide.write_text("vin_mV,code,code\n1,0,8\n2,1,0\n")
    with pytest.raises(InputError, match="line 2: `code` must be a whole number from 0 to 7"):
        read_conversions(wide, design)
    wide.write_text("count,code,code\n5,0,1\n")
    with pytest.raises(InputError, match="several codes in a row of a histogram"):
        read_conversions(wide, design)
