"""How good a converter is: INL, DNL, worst error, rmse, noise, ENOB, missing codes, yield, relative to the target.

Measures of one chip are pure functions of its realised thresholds (in x, ascending) and of the target as arrays; they
raise nothing and carry no grid of inputs. Estimates over many chips come with their interval. Inputs are distributed
so that every output is equally likely (density of x as |g'|) unless a density is given.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import ArrayLike, NDArray
from scipy import special

from rampjax.checks import InputError
from rampjax.target.arrays import TargetArrays
from rampjax.target.spline import evaluate_spline

MEASURES = (
    "max_inl_lsb",
    "max_err_lsb",
    "max_dnl_lsb",
    "rmse_lsb",
    "noise_rms_lsb",
    "total_rmse_lsb",
    "enob",
    "missing_codes",
    "code_error_probability",
    "metastable_probability",
    "n_unverified",
    "write_pulses",
    "write_energy_fJ",
)

# Gauss-Hermite nodes and weights that integrate a quintic against a standard normal exactly.
_CENTRE_WEIGHT, _OUTER_WEIGHT, _OUTER_NODES = 2 / 3, 1 / 6, (3.0**0.5, -(3.0**0.5))
# Quantiles of a half-normal variable, each standing for an eighth of it.
_HALF_NORMAL = tuple(special.ndtri(0.5 + (np.arange(8) + 0.5) / 16).tolist())


class Realised(NamedTuple):
    """A chip as its measures see it: ascending thresholds in x, and g there in LSB above y_lo, clipped to the range."""

    x: Float[Array, " threshold"]
    y_lsb: Float[Array, " threshold"]
    noisy_x: Float[Array, " node threshold"]  # the outer nodes of the quadrature over temporal noise
    noisy_y_lsb: Float[Array, " node threshold"]


def realise(
    thresholds: Float[Array, " threshold"], target: TargetArrays, sigma_x: Float[Array, " threshold"] | float = 0.0
) -> Realised:
    """Evaluates g once for all measures.

    Args:
        thresholds: realised thresholds, in x, ascending.
        target: the target as arrays.
        sigma_x: standard deviation of each threshold from conversion to conversion, in x; 0 where only static
            measures are asked.
    """
    noisy_x = thresholds + jnp.asarray(_OUTER_NODES, thresholds.dtype)[:, None] * sigma_x
    return Realised(
        thresholds, evaluate_spline(target.spline, thresholds), noisy_x, evaluate_spline(target.spline, noisy_x)
    )


def inl_lsb(chip: Realised, target: TargetArrays) -> Float[Array, " threshold"]:
    """Integral nonlinearity: (g(T_k) - b_k) / LSB, 0 in the padding. No best fit is removed."""
    return jnp.where(target.valid, chip.y_lsb - target.boundaries_lsb, 0.0)


def inl_input_lsb(chip: Realised, target: TargetArrays) -> Float[Array, " threshold"]:
    """The same at the input, (T_k - T_k^ideal) in local steps: half the distance between the ideal neighbours.

    Beside an extremum the neighbours lie on both sides of it, and the local step is wide.
    """
    last = jnp.sum(target.valid) - 1
    k = jnp.arange(chip.x.shape[0])
    above, below = jnp.minimum(k + 1, last), jnp.maximum(k - 1, 0)
    local = (target.thresholds[above] - target.thresholds[below]) / jnp.maximum(above - below, 1)
    return jnp.where(target.valid, (chip.x - target.thresholds) / jnp.where(target.valid, local, 1.0), 0.0)


def max_inl_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Worst INL of the chip: max_k |inl_lsb[k]|. Static: what remains when all noise is averaged out."""
    return jnp.max(jnp.abs(inl_lsb(chip, target)))


def dnl_lsb(chip: Realised, target: TargetArrays) -> Float[Array, " step"]:
    """Differential nonlinearity within a monotone branch: |g(T_{k+1}) - g(T_k)| / LSB - 1, 0 elsewhere."""
    steps = jnp.abs(jnp.diff(chip.y_lsb))
    return jnp.where(target.same_branch, steps - 1.0, 0.0)


def max_dnl_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Worst DNL of the chip: max_k |dnl_lsb[k]|."""
    return jnp.max(jnp.abs(dnl_lsb(chip, target)))


def max_err_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Worst error beyond half a step: max_x |Q(x) - g(x)| / LSB - 1/2, at the ends of bins and at extrema.

    Equals `max_inl_lsb` for a monotone function with uniform levels; where g turns, it sees a lost code that INL
    does not.
    """
    exists = _bin_exists(chip, target)
    ends = jnp.concatenate([target.branch_y_lsb[:1], chip.y_lsb, target.branch_y_lsb[-1:]])
    ends = jnp.where(jnp.pad(target.valid, (1, 1), constant_values=True), ends, target.branch_y_lsb[-1])
    left, right = jnp.abs(ends[:-1] - target.outputs_lsb), jnp.abs(ends[1:] - target.outputs_lsb)
    worst = jnp.max(jnp.where(exists, jnp.maximum(left, right), 0.0))
    inner = slice(1, -1)
    below = (chip.x <= target.branch_x[inner, None]) & target.valid
    at_extremum = target.outputs_lsb[jnp.sum(below, axis=-1)]
    turned = jnp.max(jnp.abs(at_extremum - target.branch_y_lsb[inner]), initial=0.0)
    return jnp.maximum(worst, turned) - 0.5


def missing_codes(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Number of codes that the ideal converter has and that no bin of positive width inside the range carries.

    An infinite range counts up to where g is within 1e-5 LSB of its limit.
    """
    present = jnp.zeros_like(target.has_code).at[target.codes].max(_bin_exists(chip, target))
    return jnp.sum(target.has_code & ~present).astype(chip.x.dtype)


def _bin_exists(chip: Realised, target: TargetArrays) -> Bool[Array, " bin"]:
    """Which bins have a width inside the range; one that has none carries no input. Bins of the padding have none."""
    x_lo, x_hi = (jnp.asarray(end, chip.x.dtype)[None] for end in (target.spline.x_lo, target.spline.x_hi))
    inside = jnp.where(target.valid, jnp.clip(chip.x, x_lo, x_hi), x_hi)
    return jnp.diff(jnp.concatenate([x_lo, inside, x_hi])) > 0


def excess_lsb2(
    x: Float[Array, "*node threshold"], y_lsb: Float[Array, "*node threshold"], target: TargetArrays
) -> Float[Array, "*node threshold"]:
    """What each moved threshold adds to the mean square error, LSB².

    The integral of the exact gradient, p(T_k) [(g - y_below)^2 - (g - y_above)^2], from the ideal threshold on:
    2 d_k integral (g - b_k) |g'| dx / TV, with d_k the direction of the code step and TV the total variation of g.
    On a branch of slope sign s the integral is s [(g - b_k)^2 / 2], so a monotone function gives inl_k^2 / M.
    Thresholds must ascend.

    Args:
        x: realised thresholds.
        y_lsb: g there, in LSB above y_lo.
        target: the target as arrays.
    """
    ideal_x, b = target.thresholds[:, None], target.boundaries_lsb[:, None]
    left, right = target.branch_x[:-1], target.branch_x[1:]
    y_left, y_right = target.branch_y_lsb[:-1], target.branch_y_lsb[1:]

    def height(x: Array, y: Array) -> Array:
        return jnp.where(x <= left, y_left, jnp.where(x >= right, y_right, y)) - b

    square = height(x[..., None], y_lsb[..., None]) ** 2 - height(ideal_x, b) ** 2
    excess = target.direction * jnp.sum(target.branch_sign * square, axis=-1) / target.variation_lsb
    return jnp.where(target.valid, excess, 0.0)


def rmse_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Root mean square of Q(x) - g(x) in LSB, every output equally likely; exact, from the thresholds alone."""
    return jnp.sqrt(target.ideal_rmse_lsb**2 + jnp.sum(excess_lsb2(chip.x, chip.y_lsb, target)))


def rmse_over_inputs_lsb(
    thresholds: Float[Array, " threshold"],
    target: TargetArrays,
    x: Float[Array, " input"],
    weights: Float[Array, " input"],
) -> Float[Array, ""]:
    """Root mean square of Q(x) - g(x) in LSB over weighted inputs: samples (equal weights), or nodes of any density.

    Args:
        thresholds: realised thresholds, in x, ascending.
        target: the target as arrays.
        x: inputs; outside the range both g and Q are taken at its end.
        weights: non-negative, their sum is the norm.
    """
    index = jnp.sum((x[:, None] >= thresholds) & target.valid, axis=-1)
    error = target.outputs_lsb[index] - evaluate_spline(target.spline, x)
    return jnp.sqrt(jnp.sum(weights * error**2) / jnp.sum(weights))


def density_nodes(
    density: Callable[[np.ndarray], np.ndarray], x_lo: float, x_hi: float, n: int = 4096
) -> tuple[np.ndarray, np.ndarray]:
    """Mid-point nodes and weights of a density on a finite range, for `rmse_over_inputs_lsb`.

    Args:
        density: e.g. `np.ones_like` (uniform) or `scipy.stats.norm(0, 1).pdf`; need not be normalised.
        x_lo: lower end of the range.
        x_hi: upper end of the range.
        n: number of nodes.
    """
    if not (np.isfinite([x_lo, x_hi]).all() and x_lo < x_hi):
        raise InputError(f"`x_lo` and `x_hi` must be finite with x_lo < x_hi, but are {x_lo:g} and {x_hi:g}.")
    x = x_lo + (np.arange(n) + 0.5) * ((x_hi - x_lo) / n)
    return x.astype(np.float32), np.asarray(density(x), np.float32)


def noise_rms_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Temporal noise at the output: sqrt of sum_k E[(g(T_k + n_k) - g(T_k))^2] / TV, n_k normal with sigma_x[k].

    Each threshold is weighted by the share of inputs beside it (one LSB of the output). Expectations by
    Gauss-Hermite quadrature with three nodes. Thresholds of one conversion are taken one at a time: a ramp so noisy
    that it runs backwards flips its comparator somewhat earlier than this says.
    """
    square = _OUTER_WEIGHT * jnp.sum((chip.noisy_y_lsb - chip.y_lsb) ** 2, axis=0)
    return jnp.sqrt(jnp.sum(jnp.where(target.valid, square, 0.0)) / target.variation_lsb)


def total_rmse_lsb(chip: Realised, target: TargetArrays, undecided: Float[Array, ""] | float = 0.0) -> Float[Array, ""]:
    """Root mean square error over inputs and noise, static and temporal together, in LSB; see `noise_rms_lsb`.

    Args:
        chip: the chip, with its noise.
        target: the target as arrays.
        undecided: share of conversions whose latch stays undecided: their code is taken as any, all equally likely.
    """
    still = jnp.sum(excess_lsb2(chip.x, chip.y_lsb, target))
    moved = jnp.sum(excess_lsb2(chip.noisy_x, chip.noisy_y_lsb, target))
    square = target.ideal_rmse_lsb**2 + _CENTRE_WEIGHT * still + _OUTER_WEIGHT * moved
    return jnp.sqrt((1.0 - undecided) * square + undecided * _random_code_lsb2(target))


def _random_code_lsb2(target: TargetArrays) -> Float[Array, ""]:
    """Mean square distance of a code drawn at random from the output wanted, every output equally likely, LSB²."""
    m = target.has_code.shape[0]
    mean_code = (m - 1) / 2 + target.outputs_lsb[0] - target.codes[0]
    y, sign = target.branch_y_lsb, target.branch_sign
    mean_y = jnp.sum(sign * (y[1:] ** 2 - y[:-1] ** 2)) / 2 / target.variation_lsb
    mean_y2 = jnp.sum(sign * (y[1:] ** 3 - y[:-1] ** 3)) / 3 / target.variation_lsb
    return (m**2 - 1) / 12 + (mean_code - mean_y) ** 2 + mean_y2 - mean_y**2


def mean_code_error_probability(
    thresholds: Float[Array, " threshold"],
    sigma_x: Float[Array, " threshold"],
    target: TargetArrays,
    undecided: Float[Array, ""] | float = 0.0,
) -> Float[Array, ""]:
    """Share of conversions whose code differs from the noise-free one of the same chip, every output equally likely.

    `code_error_probability` averaged over inputs: threshold k errs for inputs up to the neighbouring thresholds only,
    sum_k E[|g(T_k + n_k) - g(T_k)|] / TV with T_k + n_k held between its neighbours. By eight quantiles of |n_k|.

    Args:
        thresholds: realised thresholds, in x, ascending.
        sigma_x: standard deviation of each from conversion to conversion.
        target: the target as arrays.
        undecided: share of conversions whose latch stays undecided: their code is any of the M, one of them right.
    """
    k = jnp.arange(thresholds.shape[0])
    last = jnp.sum(target.valid) - 1
    below = jnp.where(k > 0, jnp.roll(thresholds, 1), -jnp.inf)
    above = jnp.where(k < last, jnp.roll(thresholds, -1), jnp.inf)
    shift = jnp.asarray(_HALF_NORMAL, thresholds.dtype)[:, None] * sigma_x
    moved = jnp.stack([jnp.maximum(thresholds - shift, below), jnp.minimum(thresholds + shift, above)])
    distance = jnp.abs(evaluate_spline(target.spline, moved) - evaluate_spline(target.spline, thresholds))
    noisy = jnp.sum(jnp.where(target.valid, jnp.mean(distance, axis=(0, 1)), 0.0)) / target.variation_lsb
    m = target.has_code.shape[0]
    return (1.0 - undecided) * noisy + undecided * (m - 1) / m


def metastable_probability(
    thresholds: Float[Array, " threshold"], undecided_x: Float[Array, ""], target: TargetArrays
) -> Float[Array, ""]:
    """Share of conversions that meet an undecided latch, every output equally likely.

    sum_k |g(T_k + w) - g(T_k - w)| / TV with w the half width of the inputs for which the latch stays undecided, at
    most 1: a bound where the windows of neighbours overlap, and too little where one holds an extremum.
    """
    ends = evaluate_spline(target.spline, jnp.stack([thresholds - undecided_x, thresholds + undecided_x]))
    share = jnp.sum(jnp.where(target.valid, jnp.abs(ends[1] - ends[0]), 0.0)) / target.variation_lsb
    return jnp.minimum(share, 1.0)


def enob(total_rmse: Float[Array, ""], n_codes: int) -> Float[Array, ""]:
    """Effective number of bits: log2(M) - log2(sqrt(12) total_rmse_lsb)."""
    return jnp.log2(n_codes) - jnp.log2(jnp.sqrt(12.0) * total_rmse)


def code_error_probability(
    x: Float[Array, ""],
    thresholds: Float[Array, " threshold"],
    sigma_x: Float[Array, " threshold"],
    target: TargetArrays,
) -> Float[Array, ""]:
    """Chance that noise makes a conversion of `x` differ from the noise-free code of the same chip.

    P(T_k + n_k > x) for the threshold below plus P(T_{k+1} + n_{k+1} <= x) for the one above: disjoint events, for a
    ramp that rises at every step.
    """
    index: Int[Array, ""] = jnp.sum((x >= thresholds) & target.valid)
    last = jnp.sum(target.valid)
    z = (x - thresholds) / jnp.maximum(sigma_x, jnp.finfo(thresholds.dtype).tiny)
    below, above = jnp.maximum(index - 1, 0), jnp.minimum(index, last - 1)
    # A threshold without noise never errs, not even for an input right on it.
    late = jnp.where((index > 0) & (sigma_x[below] > 0), norm.cdf(-z[below]), 0.0)
    early = jnp.where((index < last) & (sigma_x[above] > 0), norm.cdf(z[above]), 0.0)
    return late + early


def yield_interval(
    n_good: ArrayLike, n_samples: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper-Pearson interval of a yield: exact, so that it holds also when no chip, or every chip, is good.

    Args:
        n_good: number of good chips, any shape.
        n_samples: number of chips.
        confidence: level of the interval, in (0, 1).

    Returns:
        (low, high), each of the shape of `n_good`.

    References:
        Clopper and Pearson 1934, Biometrika 26, 404.
    """
    good, n, tail = np.asarray(n_good, float), np.asarray(n_samples, float), (1 - confidence) / 2
    low = np.where(good > 0, special.betaincinv(np.maximum(good, 1), n - good + 1, tail), 0.0)
    high = np.where(good < n, special.betaincinv(good + 1, np.maximum(n - good, 1), 1 - tail), 1.0)
    return low, high


def mean_interval(mean: float, std: float, n_samples: int, confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean; the whole line from a single sample."""
    if n_samples < 2:
        return -np.inf, np.inf
    half = float(special.stdtrit(n_samples - 1, 0.5 + confidence / 2)) * std / np.sqrt(n_samples)
    return mean - half, mean + half
