import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from rampjax.checks import InputError
from rampjax.target.functions import FUNCTIONS, as_function, callable_function, table_function
from rampjax.target.target import Target, make_target

WITHOUT_ZERO = {"softplus", "exp", "reciprocal", "gaussian"}
NAMES_AND_LEVELS = [
    (name, levels)
    for name in sorted(FUNCTIONS)
    for levels in ("midrise", "endpoint", "zero")
    if levels != "zero" or name not in WITHOUT_ZERO
]


def check_consistency(target: Target) -> None:
    """What every target must obey, whichever the function."""
    g, lsb, thresholds = target.function.evaluate, target.lsb, target.thresholds
    assert np.all(np.isfinite(thresholds))
    assert np.all(np.diff(thresholds) > 0.0)
    np.testing.assert_allclose(g(thresholds), target.boundaries, atol=1e-8 * lsb)
    assert target.codes.shape == target.outputs.shape == (thresholds.size + 1,)
    np.testing.assert_array_equal(np.diff(target.codes), target.direction)
    assert target.codes.min() >= 0
    assert target.codes.max() < 2**target.bits
    ends = [max(target.x_lo, thresholds[0] - 1.0), *thresholds, min(target.x_hi, thresholds[-1] + 1.0)]
    inside = 0.5 * (np.array(ends[1:]) + np.array(ends[:-1]))
    assert np.all(np.abs(g(inside) - target.outputs) <= lsb * (0.5 + 1e-8))
    assert not np.any(np.signbit(thresholds) & (thresholds == 0.0))
    assert np.all(np.diff(target.branch_x) > 0.0)
    home = np.searchsorted(target.branch_x, thresholds) - 1
    np.testing.assert_array_equal(np.sign(np.diff(target.branch_y))[home], target.direction)


@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
@pytest.mark.parametrize(("name", "levels"), NAMES_AND_LEVELS)
def test_every_named_function(name, bits, levels):
    check_consistency(make_target(FUNCTIONS[name], bits, levels))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_named_function_at_16_bits(name):
    check_consistency(make_target(FUNCTIONS[name], 16))


@pytest.mark.parametrize("bits", [2, 5, 8, 12])
def test_sigmoid_thresholds_are_logits(bits):
    target = make_target(FUNCTIONS["sigmoid"], bits)
    c = np.arange(1, 2**bits)
    np.testing.assert_allclose(target.thresholds, logit(c / 2**bits), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(target.codes, np.arange(2**bits))
    assert (target.x_lo, target.x_hi, target.y_lo, target.y_hi) == (-math.inf, math.inf, 0.0, 1.0)
    assert target.lsb == 2.0**-bits


def test_sigmoid_thresholds_at_16_bits_are_as_exact_as_float64_allows():
    target = make_target(FUNCTIONS["sigmoid"], 16)
    p = np.arange(1, 2**16) / 2**16
    np.testing.assert_allclose(target.thresholds, logit(p), rtol=0.0, atol=3e-16 / (p * (1.0 - p)).min())


def test_square_goes_down_and_up_again():
    target = make_target(FUNCTIONS["square"], 2)
    root = np.sqrt([3.0, 2.0, 1.0])
    np.testing.assert_allclose(target.thresholds, [*-root, *root[::-1]], rtol=1e-14)
    np.testing.assert_array_equal(target.direction, [-1, -1, -1, 1, 1, 1])
    np.testing.assert_array_equal(target.codes, [3, 2, 1, 0, 1, 2, 3])
    np.testing.assert_array_equal(target.branch_x, [-2.0, 0.0, 2.0])


def test_falling_function():
    target = make_target(as_function("-x"), 2, x_range=(-2.0, 2.0))
    np.testing.assert_allclose(target.thresholds, [-1.0, 0.0, 1.0], atol=1e-15)
    np.testing.assert_array_equal(target.codes, [3, 2, 1, 0])


def test_sin_at_two_bits_touches_its_ends_only():
    target = make_target(FUNCTIONS["sin"], 2)
    np.testing.assert_allclose(target.thresholds, np.pi * np.array([-5, -1, 0, 1, 5]) / 6.0, atol=1e-14)
    np.testing.assert_array_equal(target.codes, [2 - 1, 0, 1, 2, 3, 2])


def test_a_touched_level_adds_no_threshold():
    # From 4 down to the boundary 1, back up to 2, down to 0: the valley at x = 1 touches the boundary.
    table = table_function("t", [0.0, 1.0, 2.0, 3.0], [4.0, 1.0, 2.0, 0.0])
    target = make_target(table, 2)
    np.testing.assert_allclose(target.boundaries, [3.0, 2.0, 1.0])
    np.testing.assert_allclose(target.thresholds, [1 / 3, 2 / 3, 2.5])


def test_a_valley_just_through_a_level_adds_two():
    table = table_function("t", [0.0, 1.0, 2.0, 3.0], [4.0, 0.999, 1.9, 0.0])
    target = make_target(table, 2)
    np.testing.assert_allclose(target.boundaries, [3.0, 2.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(target.direction, [-1, -1, -1, 1, -1])
    check_consistency(target)


@pytest.mark.parametrize(
    ("spec", "x_range"),
    [
        ("relu", (-math.inf, 4.0)),
        ("gelu", (-math.inf, 4.0)),
        ("gelu", (-40.0, 4.0)),
        ("gaussian", (-math.inf, math.inf)),
        ("reciprocal", (0.25, math.inf)),
        ("hard_sigmoid", (-40.0, 40.0)),
        ("hard_sigmoid", (-math.inf, math.inf)),
        ("tanh", (-40.0, 40.0)),
        ("log", (1e-6, 1e6)),
        ("sqrt(abs(x))", (-1.0, 2.0)),
        ("x*exp(-x)", (0.0, 1e6)),
        ("tanh(1e4*(x - 0.3))", (-4.0, 4.0)),
        ("1e6 + sin(x)", (-4.0, 4.0)),
        ("1e-9*x", (-1e-9, 1e-9)),
        ("x**9", (-4.0, 4.0)),
        ("abs(sin(3*x))", (-4.0, 4.0)),
        ("arcsin(x/4)", (-4.0, 4.0)),
    ],
)
@pytest.mark.parametrize("bits", [3, 10])
def test_awkward_functions_and_ranges(spec, x_range, bits):
    check_consistency(make_target(as_function(spec), bits, x_range=x_range))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    y=st.lists(st.floats(-5.0, 5.0).map(lambda v: round(v, 3)), min_size=2, max_size=12, unique=True),
    bits=st.integers(2, 9),
    levels=st.sampled_from(["midrise", "endpoint"]),
)
def test_round_trip_of_any_piecewise_linear_function(y, bits, levels):
    check_consistency(make_target(table_function("t", np.arange(len(y)), y), bits, levels))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    steepness=st.floats(0.01, 100.0),
    center=st.floats(-3.0, 3.0),
    tilt=st.floats(-0.2, 0.2),
    bits=st.integers(2, 9),
)
def test_round_trip_of_smooth_functions(steepness, center, tilt, bits):
    spec = f"tanh({steepness!r}*(x - {center!r})) + {tilt!r}*x"
    target = make_target(as_function(spec.replace("- -", "+ ")), bits)
    check_consistency(target)


def test_a_scalar_callable_works():
    check_consistency(make_target(callable_function(lambda x: max(math.tanh(x), 0.5 * x), "mine"), 4))


@pytest.mark.parametrize(
    ("spec", "x_range", "words"),
    [
        ("log", (-4.0, 4.0), "`log` is not defined at x = -4"),
        ("log", (0.0, 4.0), "`log` has a pole at x = 0"),
        ("reciprocal", (-1.0, 1.0), "has a pole at x = 0"),
        ("1/(x - 1/3)", None, "has a pole at x = 0.333333"),
        ("1/x**2", (-1.0, 1.7), "has a pole at x = 0"),
        ("1/(x - 1/3)**2", None, "has a pole at x = 0.333333"),
        ("1/x**30", None, "has a pole at x = 0"),
        ("log(abs(x - 1/3))", None, "has a pole at x = 0.333333"),
        ("1/sqrt(abs(x - 1/3))", None, "has a pole at x = 0.333333"),
        ("tan(x)", None, "has a pole at x = -1.5708"),
        ("floor(x)", None, "jumps at x = -3"),
        ("sign(x)", None, "jumps at x = 0"),
        ("where(x < 0.3, x, x + 1)", None, "jumps at x = 0.3"),
        ("sin(1000*x)", None, "at most 64"),
        ("maximum(abs(x) - 1, 0)", None, "flat from x = -1 to 1"),
        ("clip(x, -2, 2) - clip(x, -1, 1)", None, "flat from x = -1 to 1"),
        ("relu", (-4.0, 0.0), "constant"),
        ("sin(x)**2 + cos(x)**2", None, "constant"),
        ("exp(1000*x)", None, "too large"),
        ("identity", (-math.inf, 1.0), "no known finite limit at x = -inf"),
        ("x*x", (0.0, math.inf), "no known finite limit at x = inf"),
        ("identity", (1.0, 1.0), "from a lower to a higher x, but goes from 1 to 1"),
        ("identity", (2.0, 1.0), "from a lower to a higher x"),
        ("identity", (math.nan, 1.0), "from a lower to a higher x"),
        ("identity", (-1e200, 1.0), "between -1e30 and 1e30"),
    ],
)
def test_functions_that_cannot_be_converted(spec, x_range, words):
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        make_target(as_function(spec), 5, x_range=x_range)


def test_saturation_right_at_a_boundary_is_refused():
    function = as_function("where(x < 0, sin(pi*x), 0)")
    with pytest.raises(InputError, match="flat from x = 0 to 1, right at the output boundary 0"):
        make_target(function, 2, x_range=(-2.0, 1.0))
    check_consistency(make_target(function, 3, "zero", x_range=(-2.0, 1.0)))


@pytest.mark.parametrize("name", sorted(WITHOUT_ZERO))
def test_zero_levels_want_zero_among_the_outputs(name):
    with pytest.raises(InputError, match="0 among the outputs"):
        make_target(FUNCTIONS[name], 5, "zero")


@pytest.mark.parametrize("bits", [0, 1, 17, -3])
def test_bits_outside_2_to_16(bits):
    with pytest.raises(InputError, match=f"`bits` must be between 2 and 16, but is {bits}."):
        make_target(FUNCTIONS["tanh"], bits)


def test_unknown_levels():
    with pytest.raises(InputError, match="Did you mean `endpoint`"):
        make_target(FUNCTIONS["tanh"], 5, "endpoints")
