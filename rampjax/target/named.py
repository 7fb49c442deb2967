"""The functions known by name, each with its formula, default range, limits and kinks.

Everything is float64 NumPy on the host; neither jax nor pandas is imported, so that listing the functions is quick.
Formulas are chosen to keep full relative precision in the tails: `expit` for the sigmoid, `ndtr` for GELU, `expm1` for
ELU.

References:
    Hendrycks and Gimpel, "Gaussian Error Linear Units", arXiv 1606.08415 (2016): GELU, the exact form.
    Klambauer et al., "Self-Normalizing Neural Networks", arXiv 1706.02515 (2017), eq. 2: SELU and its two constants.
    Misra, "Mish", arXiv 1908.08681 (2019). Elfwing et al., arXiv 1702.03118 (2017): SiLU.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Evaluate = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772
_NONE = math.nan


@dataclass(frozen=True)
class Function:
    """A scalar function `y = g(x)` on the real line.

    Attributes:
        name: As the user spelled it.
        evaluate: Vectorised, float64 to float64. May give NaN or infinity outside its domain, never a warning.
        formula: The equation as text.
        x_lo: Lower end of the default range, may be -inf.
        x_hi: Upper end of the default range, may be inf.
        limit_lo: Finite limit of `g` at -inf, NaN where there is none or none is known.
        limit_hi: Finite limit of `g` at +inf, NaN where there is none or none is known.
        breakpoints: Known `x` at which `g` or one of its derivatives jumps, ascending.
    """

    name: str
    evaluate: Evaluate
    formula: str
    x_lo: float
    x_hi: float
    limit_lo: float
    limit_hi: float
    breakpoints: tuple[float, ...] = ()


def quiet(evaluate: Evaluate) -> Evaluate:
    """Returns `evaluate` on float64 arrays without warnings: outside its domain it gives NaN or infinity."""

    def evaluate_quietly(x: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return np.asarray(evaluate(np.asarray(x, np.float64)), np.float64)

    return evaluate_quietly


def _identity(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x


def _softplus(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp(0.0, x)


def _softsign(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x / (1.0 + np.abs(x))


def _relu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(x, 0.0)


def _leaky_relu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x < 0.0, 0.01 * x, x)


def _elu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(x < 0.0, np.expm1(np.minimum(x, 0.0)), x)


def _selu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _SELU_SCALE * np.where(x < 0.0, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0)), x)


def _hard_sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x * special.ndtr(x), np.float64)


def _silu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(x * special.expit(x), np.float64)


def _mish(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x * np.tanh(_softplus(x))


def _gaussian(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.square(x))


def _entry(
    name: str,
    evaluate: Evaluate,
    formula: str,
    x_range: tuple[float, float],
    limits: tuple[float, float] = (_NONE, _NONE),
    breakpoints: tuple[float, ...] = (),
) -> tuple[str, Function]:
    return name, Function(name, quiet(evaluate), formula, *x_range, *limits, breakpoints)


_LINE = (-math.inf, math.inf)
_AROUND_ZERO = (-4.0, 4.0)

FUNCTIONS: dict[str, Function] = dict(
    (
        _entry("identity", _identity, "x", _AROUND_ZERO),
        _entry("sigmoid", special.expit, "1/(1 + exp(-x))", _LINE, (0.0, 1.0)),
        _entry("tanh", np.tanh, "tanh(x)", _LINE, (-1.0, 1.0)),
        _entry("softplus", _softplus, "log(1 + exp(x))", _AROUND_ZERO, (0.0, _NONE)),
        _entry("softsign", _softsign, "x/(1 + |x|)", _LINE, (-1.0, 1.0), (0.0,)),
        _entry("relu", _relu, "max(x, 0)", _AROUND_ZERO, (0.0, _NONE), (0.0,)),
        _entry("leaky_relu", _leaky_relu, "x for x >= 0, else x/100", _AROUND_ZERO, breakpoints=(0.0,)),
        _entry("elu", _elu, "x for x >= 0, else exp(x) - 1", _AROUND_ZERO, (-1.0, _NONE), (0.0,)),
        _entry(
            "selu",
            _selu,
            "1.0507 x for x >= 0, else 1.7581 (exp(x) - 1)",
            _AROUND_ZERO,
            (-_SELU_SCALE * _SELU_ALPHA, _NONE),
            (0.0,),
        ),
        _entry("hard_sigmoid", _hard_sigmoid, "x/6 + 1/2 between 0 and 1", _AROUND_ZERO, (0.0, 1.0), (-3.0, 3.0)),
        _entry("gelu", _gelu, "x (1 + erf(x/sqrt(2)))/2", _AROUND_ZERO, (0.0, _NONE)),
        _entry("silu", _silu, "x/(1 + exp(-x))", _AROUND_ZERO, (0.0, _NONE)),
        _entry("mish", _mish, "x tanh(log(1 + exp(x)))", _AROUND_ZERO, (0.0, _NONE)),
        _entry("exp", np.exp, "exp(x)", (-4.0, 2.0), (0.0, _NONE)),
        _entry("log", np.log, "log(x)", (0.1, 10.0)),
        _entry("sqrt", np.sqrt, "sqrt(x)", (0.0, 4.0)),
        _entry("square", np.square, "x**2", (-2.0, 2.0)),
        _entry("reciprocal", np.reciprocal, "1/x", (0.25, 4.0), (0.0, 0.0)),
        _entry("sin", np.sin, "sin(x)", (-math.pi, math.pi)),
        _entry("gaussian", _gaussian, "exp(-x**2)", (-3.0, 3.0), (0.0, 0.0)),
    )
)
