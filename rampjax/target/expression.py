"""The user's own function as an expression in `x`, such as `x*sigmoid(1.7*x)`.

Python's parser gives the syntax tree; only the nodes and names listed here are accepted, and each becomes a closure
over float64 NumPy arrays. Nothing is ever handed to `eval`, constants are floats from the start (so that `9**9**9**9`
overflows instead of growing), and length, depth and number of nodes are limited: an expression can neither run code nor
hang.
"""

import ast
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rampjax.checks import InputError, nearest
from rampjax.target.named import FUNCTIONS, Function, quiet

MAX_LENGTH = 1000
MAX_DEPTH = 60
MAX_NODES = 500

Values = NDArray[np.float64]
Closure = Callable[[Values], Values]

_ONE_ARGUMENT = (
    "exp log log2 log10 log1p expm1 exp2 sqrt cbrt square reciprocal abs absolute fabs sign floor ceil rint trunc "
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh sinc"
)
_TWO_ARGUMENTS = "arctan2 minimum maximum power hypot heaviside"
_CONSTANTS = {"pi": math.pi, "e": math.e}


def _where(condition: Values, if_true: Values, if_false: Values) -> Values:
    return np.where(condition != 0.0, if_true, if_false)


def _clip(value: Values, low: Values, high: Values) -> Values:
    return np.minimum(np.maximum(value, low), high)


_CALLS: dict[str, tuple[Callable[..., Any], int]] = {
    **{name: (function.evaluate, 1) for name, function in FUNCTIONS.items()},
    **{name: (getattr(np, name), 1) for name in _ONE_ARGUMENT.split()},
    **{name: (getattr(np, name), 2) for name in _TWO_ARGUMENTS.split()},
    "erf": (special.erf, 1),
    "erfc": (special.erfc, 1),
    "where": (_where, 3),
    "clip": (_clip, 3),
}
_BINARY: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_UNARY: dict[type[ast.AST], Callable[..., Any]] = {ast.USub: np.negative, ast.UAdd: np.positive}
_COMPARE: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def parse_expression(text: str) -> Function:
    """Returns the function that an expression in `x` spells out, on the default range -4 to 4.

    Known are `+ - * / **`, numbers, parentheses, `pi`, `e`, comparisons (1 where true, else 0), the functions of
    `rampjax functions`, NumPy's elementary functions by NumPy's names, `erf`, `erfc`, `where` and `clip`.

    Raises:
        InputError: For anything else, for a constant, and for a part without `x` that is not finite.
    """
    text = text.strip()
    if not text:
        raise InputError("The expression is empty; it must be a formula in x, such as `x*sigmoid(1.7*x)`.")
    if len(text) > MAX_LENGTH:
        raise InputError(f"An expression must have at most {MAX_LENGTH} characters, but this one has {len(text)}.")
    body = _parse(text)
    if sum(1 for _ in ast.walk(body)) > MAX_NODES:
        raise InputError(f"`{_short(text)}` is too long: an expression may have at most {MAX_NODES} parts.")
    evaluate, has_x = _compile(body, text, MAX_DEPTH)
    if not has_x:
        raise InputError(f"`{_short(text)}` is constant: an expression must contain x.")

    def evaluate_like_x(x: Values) -> Values:
        return np.broadcast_to(evaluate(x), x.shape).astype(np.float64)

    return Function(text, quiet(evaluate_like_x), text, -4.0, 4.0, math.nan, math.nan)


def _parse(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise InputError(f"`{_short(text)}` is not a valid expression: {error.msg}.") from None
    except (MemoryError, RecursionError, ValueError):
        raise InputError(f"`{_short(text)}` is not a valid expression.") from None


def _compile(node: ast.expr, text: str, depth: int) -> tuple[Closure, bool]:
    """Returns a closure for `node` and whether `x` occurs in it; a part without `x` is evaluated here and now."""
    if depth == 0:
        raise InputError(f"`{_short(text)}` is nested too deeply: at most {MAX_DEPTH} levels are allowed.")
    if isinstance(node, ast.Constant):
        return _constant(node, text), False
    if isinstance(node, ast.Name):
        return _name(node, text)
    operation, children = _operation(node, text)
    parts = [_compile(child, text, depth - 1) for child in children]
    closures = [closure for closure, _ in parts]

    def evaluate(x: Values) -> Values:
        return np.asarray(operation(*(closure(x) for closure in closures)), np.float64)

    if any(has_x for _, has_x in parts):
        return evaluate, True
    with np.errstate(all="ignore"):
        value = evaluate(np.zeros(()))
    return _fixed(float(value), node, text), False


def _operation(node: ast.expr, text: str) -> tuple[Callable[..., Any], list[ast.expr]]:
    """Returns what `node` does and to which sub-expressions."""
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)], [node.left, node.right]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)], [node.operand]
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        return _COMPARE[type(node.ops[0])], [node.left, node.comparators[0]]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node, node.func.id, text)
    raise InputError(
        f"`{_source(node, text)}` is not allowed in an expression: it may hold x, numbers, + - * / **, "
        "comparisons of two, parentheses and known functions."
    )


def _call(node: ast.Call, name: str, text: str) -> tuple[Callable[..., Any], list[ast.expr]]:
    if name not in _CALLS:
        raise InputError(f"`{name}` is not a known function in `{_short(text)}`.{nearest(name, _CALLS)}")
    function, n_arguments = _CALLS[name]
    if node.keywords or len(node.args) != n_arguments or any(isinstance(arg, ast.Starred) for arg in node.args):
        plural = "argument" if n_arguments == 1 else "arguments"
        raise InputError(f"`{name}` takes {n_arguments} {plural}, but is written `{_source(node, text)}`.")
    return function, node.args


def _name(node: ast.Name, text: str) -> tuple[Closure, bool]:
    if node.id == "x":
        return (lambda x: x), True
    if node.id in _CONSTANTS:
        return _fixed(_CONSTANTS[node.id], node, text), False
    if node.id in _CALLS:
        raise InputError(f"`{node.id}` is a function: write `{node.id}(...)` in `{_short(text)}`.")
    known = ("x", *_CONSTANTS, *_CALLS)
    raise InputError(f"`{node.id}` is not a known name in `{_short(text)}`.{nearest(node.id, known)}")


def _constant(node: ast.Constant, text: str) -> Closure:
    if type(node.value) not in (int, float):
        raise InputError(f"`{_source(node, text)}` is not a real number in `{_short(text)}`.")
    if "_" in _source(node, text):  # Python's own spelling of thousands
        raise InputError(f"`{_source(node, text)}` is not a number in `{_short(text)}`: it must be without `_`.")
    try:
        return _fixed(float(node.value), node, text)  # type: ignore[arg-type]
    except OverflowError:
        return _fixed(math.inf, node, text)


def _fixed(value: float, node: ast.expr, text: str) -> Closure:
    if not math.isfinite(value):
        raise InputError(f"`{_source(node, text)}` is not finite.")
    constant = np.asarray(value, np.float64)
    return lambda x: constant


def _source(node: ast.expr, text: str) -> str:
    return _short(ast.get_source_segment(text, node) or text)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."
