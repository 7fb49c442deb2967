import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from rampjax.checks import InputError
from rampjax.target.functions import FUNCTIONS, Function, as_function, callable_function, table_function

NAMES = [
    *["identity", "sigmoid", "tanh", "softplus", "softsign", "relu", "leaky_relu", "elu", "selu", "hard_sigmoid"],
    *["gelu", "silu", "mish", "exp", "log", "sqrt", "square", "reciprocal", "sin", "gaussian"],
]

KNOWN_VALUES = [
    ("identity", -1.5, -1.5),
    ("sigmoid", math.log(3.0), 0.75),
    ("sigmoid", -700.0, math.exp(-700.0)),
    ("tanh", math.log(2.0), 0.6),
    ("softplus", 0.0, math.log(2.0)),
    ("softplus", -50.0, math.exp(-50.0)),
    ("softsign", -3.0, -0.75),
    ("relu", -2.0, 0.0),
    ("leaky_relu", -2.0, -0.02),
    ("elu", -1e-10, -1e-10 + 0.5e-20),
    ("selu", 1.0, 1.0507009873554805),
    ("selu", -800.0, -1.7580993408473766),
    ("hard_sigmoid", 1.5, 0.75),
    ("hard_sigmoid", 5.0, 1.0),
    ("gelu", 1.0, 0.5 * (1.0 + math.erf(math.sqrt(0.5)))),
    ("gelu", -30.0, -30.0 * 0.5 * special.erfc(30.0 / math.sqrt(2.0))),
    ("silu", 2.0, 2.0 / (1.0 + math.exp(-2.0))),
    ("mish", 0.0, 0.0),
    ("mish", 1.0, math.tanh(math.log1p(math.e))),
    ("exp", 1.0, math.e),
    ("log", math.e, 1.0),
    ("sqrt", 2.25, 1.5),
    ("square", -1.5, 2.25),
    ("reciprocal", -4.0, -0.25),
    ("sin", math.pi / 6.0, 0.5),
    ("gaussian", 2.0, math.exp(-4.0)),
]


def test_the_names_are_those_promised():
    assert sorted(FUNCTIONS) == sorted(NAMES)
    assert all(function.name == name for name, function in FUNCTIONS.items())


@pytest.mark.parametrize(("name", "x", "y"), KNOWN_VALUES)
def test_known_values(name, x, y):
    assert FUNCTIONS[name].evaluate(np.array([x]))[0] == pytest.approx(y, rel=1e-12, abs=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_evaluates_arrays_of_any_shape_without_warnings(name):
    x = np.array([[-1e300, -1.0, 0.0], [1.0, 1e300, np.nan]])
    y = FUNCTIONS[name].evaluate(x)
    assert y.shape == x.shape
    assert y.dtype == np.float64


@pytest.mark.parametrize("name", NAMES)
def test_stated_limits_are_approached(name):
    function = FUNCTIONS[name]
    for limit, far in ((function.limit_lo, -1e18), (function.limit_hi, 1e18)):
        if math.isfinite(limit):
            assert function.evaluate(np.array([far]))[0] == pytest.approx(limit, abs=1e-15)


def test_functions_that_saturate_on_both_sides_take_the_whole_line():
    whole = {name for name, function in FUNCTIONS.items() if math.isinf(function.x_lo) and math.isinf(function.x_hi)}
    assert whole == {"sigmoid", "tanh", "softsign"}


@pytest.mark.parametrize(("name", "x"), [(name, x) for name, f in FUNCTIONS.items() for x in f.breakpoints])
def test_continuous_at_breakpoints(name, x):
    evaluate = FUNCTIONS[name].evaluate
    step = 1e-7
    left, here, right = evaluate(np.array([x - step, x, x + step]))
    assert abs(right - left) < 4.0 * step
    assert here == pytest.approx(0.5 * (left + right), abs=2.0 * step)


@pytest.mark.parametrize(
    ("name", "x", "slope_jump"),
    [
        ("relu", 0.0, 1.0),
        ("leaky_relu", 0.0, 0.99),
        ("elu", 0.0, 0.0),
        ("softsign", 0.0, 0.0),
        ("selu", 0.0, 1.0507009873554805 * (1.0 - 1.6732632423543772)),
        ("hard_sigmoid", -3.0, 1.0 / 6.0),
        ("hard_sigmoid", 3.0, -1.0 / 6.0),
    ],
)
def test_slope_jumps_at_breakpoints_are_as_in_the_formula(name, x, slope_jump):
    evaluate = FUNCTIONS[name].evaluate
    step = 1e-6
    left, here, right = evaluate(np.array([x - step, x, x + step]))
    assert (right - here) / step - (here - left) / step == pytest.approx(slope_jump, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_no_kinks_but_the_breakpoints(name):
    function = FUNCTIONS[name]
    x = np.linspace(max(function.x_lo, -8.0), min(function.x_hi, 8.0), 4001)[1:-1]
    x = x[np.all(np.abs(x[:, None] - np.array([*function.breakpoints, 1e9])) > 0.01, axis=1)]
    step = 1e-4 * np.minimum(1.0, np.abs(x) + 0.01)
    third = -function.evaluate(x - 2 * step) + 2 * function.evaluate(x - step)
    third += -2 * function.evaluate(x + step) + function.evaluate(x + 2 * step)
    assert np.abs(third / (2.0 * step**3) * np.minimum(1.0, np.abs(x)) ** 3).max() < 100.0


def test_table_is_linear_between_its_points_and_undefined_outside():
    table = table_function("t.csv", [0.0, 1.0, 3.0], [1.0, 2.0, -2.0])
    y = table.evaluate(np.array([-0.1, 0.0, 0.5, 1.0, 2.5, 3.0, 3.1]))
    np.testing.assert_array_equal(y, [np.nan, 1.0, 1.5, 2.0, -1.0, -2.0, np.nan])
    assert (table.x_lo, table.x_hi, table.breakpoints) == (0.0, 3.0, (0.0, 1.0, 3.0))


def test_table_keeps_its_own_copy():
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    table = table_function("t", x, y)
    y[:] = 7.0
    assert table.evaluate(np.array([1.0]))[0] == 1.0


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([0.0, 1.0], [0.0, math.nan], "finite"),
        ([0.0, math.inf], [0.0, 1.0], "finite"),
        ([0.0], [1.0], "at least 2 rows, but has 1"),
        ([], [], "at least 2 rows, but has 0"),
        ([0.0, 2.0, 1.0], [0.0, 1.0, 2.0], "ascending x, but x falls from 2 to 1 in data row 3"),
        ([0.0, 1.0, 1.0], [0.0, 1.0, 2.0], "x repeats"),
        ([0.0, 1.0], [0.0, 1.0, 2.0], "one y for each x"),
        (["a", "b"], [0.0, 1.0], "only numbers"),
    ],
)
def test_bad_tables_are_refused_by_name(x, y, words):
    with pytest.raises(InputError, match=words) as error:
        table_function("points.csv", x, y)
    assert "`points.csv`" in str(error.value)


@pytest.mark.parametrize(
    "scalar_or_array",
    [math.tanh, np.tanh, lambda x: math.tanh(x), lambda x: (1 - math.exp(-2 * x)) / (1 + math.exp(-2 * x))],
)
def test_callables_of_scalars_and_of_arrays_agree(scalar_or_array):
    x = np.linspace(-3.0, 3.0, 12).reshape(3, 4)
    np.testing.assert_allclose(callable_function(scalar_or_array).evaluate(x), np.tanh(x), rtol=1e-12)


def test_a_branching_scalar_callable_works_point_by_point():
    y = callable_function(lambda x: x if x > 0 else 0.0, "mine", -1.0, 1.0).evaluate(np.array([-1.0, 0.5]))
    np.testing.assert_array_equal(y, [0.0, 0.5])


def test_a_callable_that_raises_outside_its_domain_is_undefined_there():
    y = callable_function(math.log).evaluate(np.array([-1.0, 0.0, 1.0]))
    np.testing.assert_array_equal(y, [np.nan, np.nan, 0.0])


def test_a_method_of_arrays_works():
    np.testing.assert_array_equal(callable_function(lambda x: x.clip(0)).evaluate(np.array([-1.0, 2.0])), [0.0, 2.0])


def test_as_function_takes_names_expressions_callables_and_functions():
    assert as_function(" tanh ") is FUNCTIONS["tanh"]
    assert as_function("x").evaluate(np.array([2.0]))[0] == 2.0
    assert as_function("2*tanh(x)").name == "2*tanh(x)"
    assert as_function(math.tanh).name == "tanh"
    function = Function("mine", np.tanh, "tanh", -1.0, 1.0, math.nan, math.nan)
    assert as_function(function) is function


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("sigmoyd", "Did you mean `sigmoid`"),
        ("zzzz", "not a known function"),
        ("", "empty"),
        ("x +", "not a valid expression"),
    ],
)
def test_as_function_refuses_in_a_sentence(spec, words):
    with pytest.raises(InputError, match=words):
        as_function(spec)


def test_listing_functions_loads_neither_jax_nor_pandas():
    code = "import sys, rampjax.target.functions; sys.exit(bool({'jax', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
