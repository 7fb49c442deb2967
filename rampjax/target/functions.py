"""What a ramp column may be asked to compute: a function by name, an expression, a table or a Python callable."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rampjax.checks import InputError, nearest
from rampjax.target.expression import parse_expression
from rampjax.target.named import FUNCTIONS, Evaluate, Function, quiet

__all__ = ["FUNCTIONS", "Evaluate", "Function", "as_function", "callable_function", "table_function"]


def table_function(name: str, x: ArrayLike, y: ArrayLike) -> Function:
    """Returns the piecewise linear function through the points of a table; it is not defined outside them.

    Args:
        name: What messages call the table, such as its file's name.
        x: Inputs, strictly ascending, at least two.
        y: Outputs, one per input.

    Raises:
        InputError: For fewer than two points, unequal lengths, NaN or infinite values, `x` unsorted or repeated.
    """
    try:
        x_points, y_points = np.array(x, np.float64), np.array(y, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"`{name}` must hold only numbers in its columns x and y.") from None
    if x_points.ndim != 1 or x_points.shape != y_points.shape:
        raise InputError(
            f"`{name}` must have one y for each x, but x has shape {x_points.shape} and y has shape {y_points.shape}."
        )
    if x_points.size < 2:
        raise InputError(f"`{name}` must have at least 2 rows, but has {x_points.size}.")
    finite = np.isfinite(x_points) & np.isfinite(y_points)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError(
            f"`{name}` must hold finite numbers only, but has x = {x_points[row]:g}, y = {y_points[row]:g} "
            f"in data row {row + 1}."
        )
    ascending = np.diff(x_points) > 0.0
    if not ascending.all():
        row = int(np.argmin(ascending))
        fault = "repeats" if x_points[row + 1] == x_points[row] else "falls"
        raise InputError(
            f"`{name}` must have strictly ascending x, but x {fault} from {x_points[row]:g} to {x_points[row + 1]:g} "
            f"in data row {row + 2}."
        )

    def evaluate(x_new: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(x_new, x_points, y_points, left=math.nan, right=math.nan)

    return Function(
        name=name,
        evaluate=quiet(evaluate),
        formula=f"piecewise linear through {x_points.size} points",
        x_lo=float(x_points[0]),
        x_hi=float(x_points[-1]),
        limit_lo=math.nan,
        limit_hi=math.nan,
        breakpoints=tuple(x_points.tolist()),
    )


def callable_function(
    f: Callable[..., Any], name: str | None = None, x_lo: float = -4.0, x_hi: float = 4.0
) -> Function:
    """Returns a Python callable as a Function; one that takes only scalars is called point by point.

    A scalar callable may raise ValueError or ArithmeticError outside its domain, as the functions of `math` do: that is
    taken as "not defined there".

    Args:
        f: One number in, one number out, or the same on arrays. Should compute in float64.
        name: What messages call it, by default its own name.
        x_lo: Lower end of the default range.
        x_hi: Upper end of the default range.
    """
    label = name or str(getattr(f, "__name__", "callable"))

    # NumPy scalars rather than Python's, so that `x.clip(0)` and `1/x` at 0 work as they would on arrays.
    def at_point(value: np.float64) -> float:
        try:
            return float(f(value))
        except (ArithmeticError, ValueError):
            return math.nan

    def by_points(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([at_point(value) for value in x.ravel()], np.float64).reshape(x.shape)

    evaluate = f if _takes_arrays(f, at_point) else by_points
    return Function(label, quiet(evaluate), f"Python callable {label}", x_lo, x_hi, math.nan, math.nan)


def _takes_arrays(f: Callable[..., Any], at_point: Callable[[np.float64], float]) -> bool:
    """Whether `f` maps an array point by point: same shape, same values as for single numbers."""
    probe = np.array([-1.5, -0.25, 0.5, 2.0])
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(f(probe.copy()), np.float64)
            if values.shape != probe.shape:
                return False
            singles = np.array([at_point(value) for value in probe])
    except (ArithmeticError, TypeError, ValueError):
        return False
    known = np.isfinite(singles)
    return bool(np.allclose(values[known], singles[known], rtol=1e-5, atol=1e-6))


def as_function(spec: str | Function | Callable[..., Any]) -> Function:
    """Returns the function that `spec` names, spells out as an expression in `x`, or is.

    Args:
        spec: A name of `FUNCTIONS`, an expression such as "x*sigmoid(1.7*x)", a Function or a Python callable.

    Raises:
        InputError: For an unknown name, with the nearest known one, or a bad expression.
    """
    if isinstance(spec, Function):
        return spec
    if isinstance(spec, str):
        # `tanh(x)` is `tanh`: the same function must not have another default range for its spelling.
        text = re.sub(r"^(\w+)\s*\(\s*x\s*\)$", lambda m: m[1] if m[1] in FUNCTIONS else m[0], spec.strip())
        if text in FUNCTIONS:
            return FUNCTIONS[text]
        if text.isidentifier() and text != "x":
            raise InputError(f"`{text}` is not a known function; see `rampjax functions`.{nearest(text, FUNCTIONS)}")
        return parse_expression(text)
    if callable(spec):
        return callable_function(spec)
    raise InputError(f"A function must be a name, an expression in x or a callable, but is {spec!r}.")
