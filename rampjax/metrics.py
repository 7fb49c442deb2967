"""How good a converter is: INL, DNL, worst error, rmse, noise, ENOB, missing codes, yield, relative to the target.

Measures of one chip are pure functions of its realised thresholds (in x, ascending) and of the target as arrays; they
raise nothing and carry no grid of inputs. Estimates over many chips come with their interval. Means over inputs follow
the input distribution of the target: without one, every output is equally likely (density of x as |g'|).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import ArrayLike, NDArray
from scipy import special

from rampjax.checks import InputError
from rampjax.target.arrays import TargetArrays
from rampjax.target.input_table import InputTable, atoms_between, density_at, nodes_between
from rampjax.target.spline import evaluate_spline, spline_slope

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
COUNTS = ("missing_codes", "n_unverified", "write_pulses")  # of `MEASURES`, those that count: whole on every chip

# Gauss-Hermite nodes and weights that integrate a quintic against a standard normal exactly.
_CENTRE_WEIGHT, _OUTER_WEIGHT, _OUTER_NODES = 2 / 3, 1 / 6, (3.0**0.5, -(3.0**0.5))
# Nodes in standard deviations and jumps: of a normal, but for its centre, and of one to which +-jump is added.
_NODES = tuple((z, 0.0) for z in _OUTER_NODES)
_JUMP_NODES = tuple((z, sign) for z in (0.0, *_OUTER_NODES) for sign in (1.0, -1.0))
# Of the centre, and of the others, by how many these are.
_WEIGHTS = {
    len(_NODES): (_CENTRE_WEIGHT, (_OUTER_WEIGHT,) * 2),
    len(_JUMP_NODES): (0.0, (*(_CENTRE_WEIGHT / 2,) * 2, *(_OUTER_WEIGHT / 2,) * 4)),
}
# Quantiles of a half-normal variable, each standing for an eighth of it.
_HALF_NORMAL = tuple(special.ndtri(0.5 + (np.arange(8) + 0.5) / 16).tolist())


class Realised(NamedTuple):
    """A chip as its measures see it: ascending thresholds in x, and g there in LSB above y_lo, clipped to the range."""

    x: Float[Array, " threshold"]
    y_lsb: Float[Array, " threshold"]
    noisy_x: Float[Array, " node threshold"]  # nodes of the quadrature over what is temporal, but for the centre
    noisy_y_lsb: Float[Array, " node threshold"]
    n_rises: Int[Array, " threshold"] | None = None  # how often the ramp has risen above all before; None: unknown


class Lost(NamedTuple):
    """What undecided latches do to the measures of a chip, beside the early and late flips of its thresholds."""

    share: Float[Array, ""]  # of conversions that meet one
    kept: Float[Array, ""]  # of what is measured of all other conversions
    added_lsb2: Float[Array, ""]  # to mean squares
    added_wrong: Float[Array, ""]  # to the share of conversions with another code


def realise(
    thresholds: Float[Array, " threshold"],
    target: TargetArrays,
    sigma_x: Float[Array, " threshold"] | float = 0.0,
    n_rises: Int[Array, " threshold"] | None = None,
    jump_x: Float[Array, " threshold"] | None = None,
) -> Realised:
    """Evaluates g once for all measures.

    Args:
        thresholds: realised thresholds, in x, ascending.
        target: the target as arrays.
        sigma_x: standard deviation of each threshold from conversion to conversion, in x; 0 where only static
            measures are asked.
        n_rises: how often the ramp has risen above all its levels before: bins exist where it has risen again, which
            rounded thresholds cannot tell; None: where thresholds differ.
        jump_x: by how much an undecided latch flips each threshold early or late, evenly, in x; None: it never does.
    """
    nodes = jnp.asarray(_NODES if jump_x is None else _JUMP_NODES, thresholds.dtype)
    noisy_x = thresholds + nodes[:, :1] * sigma_x
    if jump_x is not None:
        noisy_x = noisy_x + nodes[:, 1:] * jump_x
    y_lsb, noisy_y_lsb = evaluate_spline(target.spline, thresholds), evaluate_spline(target.spline, noisy_x)
    return Realised(thresholds, y_lsb, noisy_x, noisy_y_lsb, n_rises)


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
    """Differential nonlinearity within a monotone branch: (|g(T_{k+1}) - g(T_k)| - |b_{k+1} - b_k|) / LSB, 0 elsewhere.

    The ideal distance is one LSB where the levels are uniform.
    """
    steps, ideal = jnp.abs(jnp.diff(chip.y_lsb)), jnp.abs(jnp.diff(target.boundaries_lsb))
    return jnp.where(target.same_branch, steps - ideal, 0.0)


def max_dnl_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Worst DNL of the chip: max_k |dnl_lsb[k]|."""
    return jnp.max(jnp.abs(dnl_lsb(chip, target)))


def max_err_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Worst error beyond half a step: max_x |Q(x) - g(x)| / LSB - 1/2, at the ends of bins and at extrema.

    Where levels are not uniform, half the step from the output towards g takes the place of 1/2; below the first and
    above the last level, the distance to y_lo or y_hi. Equals `max_inl_lsb` for a monotone function; where g turns, it
    sees a lost code that INL does not.
    """
    exists = _bin_exists(chip, target)
    ends = jnp.concatenate([target.branch_y_lsb[:1], chip.y_lsb, target.branch_y_lsb[-1:]])
    ends = jnp.where(jnp.pad(target.valid, (1, 1), constant_values=True), ends, target.branch_y_lsb[-1])
    bins = jnp.arange(target.outputs_lsb.shape[0])
    left, right = _beyond_reach(ends[:-1], bins, target), _beyond_reach(ends[1:], bins, target)
    worst = jnp.max(jnp.where(exists, jnp.maximum(left, right), -0.5))
    inner = slice(1, -1)
    below = (chip.x <= target.branch_x[inner, None]) & target.valid
    at_extremum = jnp.sum(below, axis=-1)
    turned = jnp.max(_beyond_reach(target.branch_y_lsb[inner], at_extremum, target), initial=-0.5)
    return jnp.maximum(worst, turned)


def _beyond_reach(y_lsb: Float[Array, " n"], bins: Int[Array, " n"], target: TargetArrays) -> Float[Array, " n"]:
    """How much further g is from the output of a bin than it may be."""
    away = y_lsb - target.outputs_lsb[bins]
    return jnp.abs(away) - jnp.where(away > 0, target.reach_above_lsb[bins], target.reach_below_lsb[bins])


def missing_codes(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Number of codes that the ideal converter has and that no bin of positive width inside the range carries.

    A bin has a width where the ramp rises to it: that of the physics, not of rounded thresholds. An infinite range
    counts up to where g is within 1e-5 LSB of its limit.
    """
    present = jnp.zeros_like(target.has_code).at[target.codes].max(_bin_exists(chip, target))
    return jnp.sum(target.has_code & ~present).astype(chip.x.dtype)


def _bin_exists(chip: Realised, target: TargetArrays) -> Bool[Array, " bin"]:
    """Which bins have a width inside the range; one that has none carries no input. Bins of the padding have none."""
    x_lo, x_hi = (jnp.asarray(end, chip.x.dtype) for end in (target.spline.x_lo, target.spline.x_hi))
    rises = jnp.diff(chip.x if chip.n_rises is None else chip.n_rises) > 0
    begins, ends = target.valid & (chip.x < x_hi), ~target.valid | (chip.x > x_lo)
    inner = rises & begins[:-1] & ends[1:]
    # The last threshold's bin ends with the range, and so does that of every other one whose successor is padding.
    is_last = target.valid & ~jnp.append(target.valid[1:], False)
    above = jnp.where(is_last, begins, jnp.append(inner, False) & target.valid)
    return jnp.concatenate([ends[:1], above])


@jax.custom_jvp
def excess_lsb2(
    x: Float[Array, "*node threshold"], y_lsb: Float[Array, "*node threshold"], target: TargetArrays
) -> Float[Array, "*node threshold"]:
    """What each moved threshold adds to the mean square error, LSB².

    The integral of the exact gradient, p(T_k) [(g - y_below)^2 - (g - y_above)^2], from the ideal threshold on:
    2 d_k integral (g - b_k) p dx, with d_k the step of the output (negative where g falls) and b_k the middle of the
    two outputs. Thresholds must ascend. The derivative is that gradient, in `x` alone, of which `y_lsb` is a function.

    With p = |g'|/TV, TV the total variation of g, on a branch of slope sign s the integral is s [(g - b_k)^2 / 2], so
    that a monotone function and uniform levels give inl_k^2 / M.

    Args:
        x: realised thresholds.
        y_lsb: g there, in LSB above y_lo.
        target: the target as arrays.
    """
    if target.inputs is not None:
        return jnp.where(target.valid, _excess_of_inputs(x, target, target.inputs), 0.0)
    ideal_x, b = target.thresholds[:, None], target.boundaries_lsb[:, None]
    left, right = target.branch_x[:-1], target.branch_x[1:]
    y_left, y_right = target.branch_y_lsb[:-1], target.branch_y_lsb[1:]

    def height(x: Array, y: Array) -> Array:
        return jnp.where(x <= left, y_left, jnp.where(x >= right, y_right, y)) - b

    square = height(x[..., None], y_lsb[..., None]) ** 2 - height(ideal_x, b) ** 2
    excess = target.step_lsb * jnp.sum(target.branch_sign * square, axis=-1) / target.variation_lsb
    return jnp.where(target.valid, excess, 0.0)


def _excess_of_inputs(x: Float[Array, "*shape"], target: TargetArrays, inputs: InputTable) -> Float[Array, "*shape"]:
    """`excess_lsb2` under a density: by quadrature from the ideal threshold on, and what piles up in atoms."""
    nodes, shares = nodes_between(inputs, target.thresholds, x)
    smooth = jnp.sum(shares * (evaluate_spline(target.spline, nodes) - target.boundaries_lsb), axis=0)
    piled = atoms_between(inputs, target.thresholds, x) * (inputs.atom_y_lsb - target.boundaries_lsb[:, None])
    return 2.0 * target.step_lsb * (smooth + jnp.sum(piled, axis=-1))


@excess_lsb2.defjvp
def _excess_lsb2_jvp(
    primals: tuple[Array, Array, TargetArrays], tangents: tuple[Array, Array, TargetArrays]
) -> tuple[Array, Array]:
    x, y_lsb, target = primals
    if target.inputs is None:
        density = jnp.abs(spline_slope(target.spline, x)) / target.variation_lsb
    else:
        density = density_at(target.inputs, x)
    gradient = 2.0 * density * target.step_lsb * (y_lsb - target.boundaries_lsb)
    return excess_lsb2(x, y_lsb, target), jnp.where(target.valid, gradient, 0.0) * tangents[0]


def mse_lsb2(thresholds: Float[Array, " threshold"], target: TargetArrays) -> Float[Array, ""]:
    """Mean square of Q(x) - g(x) over the inputs in LSB², from the thresholds alone: `rmse_lsb` squared.

    Its derivative is exact, d/dT_k = p(T_k) [(g(T_k) - y_below)^2 - (g(T_k) - y_above)^2], forward and reverse; where
    there are no inputs it vanishes, and an atom of them has none.

    Args:
        thresholds: realised thresholds, in x, ascending, padded as the target is.
        target: the target as arrays; no derivatives are taken in it.
    """
    excess = excess_lsb2(thresholds, evaluate_spline(target.spline, thresholds), target)
    return target.ideal_rmse_lsb**2 + jnp.sum(excess)


def rmse_lsb(chip: Realised, target: TargetArrays) -> Float[Array, ""]:
    """Root mean square of Q(x) - g(x) over the inputs in LSB: the root of `mse_lsb2`, exact, from thresholds alone."""
    return root(target.ideal_rmse_lsb**2 + jnp.sum(excess_lsb2(chip.x, chip.y_lsb, target)))


def root(square: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root of what is never negative, with slope 0, not infinite, at 0."""
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)


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
    x = jnp.clip(x, target.spline.x_lo, target.spline.x_hi)
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


def noise_rms_lsb(chip: Realised, target: TargetArrays, lost: Lost | None = None) -> Float[Array, ""]:
    """Temporal noise at the output, n_k normal with sigma_x[k]: sqrt of sum_k E[(g(T_k + n_k) - g(T_k))^2] |d_k| / TV.

    With a density p of the inputs, sum_k E[2 |d_k| integral |g - g(T_k)| p dx] from T_k to T_k + n_k: the same for
    p = |g'|/TV. d_k is the step of the output, so that each threshold counts by the inputs beside it (one LSB of the
    output, where levels are uniform). Expectations by Gauss-Hermite quadrature with three nodes. Thresholds of one
    conversion are taken one at a time: a ramp so noisy that it runs backwards flips its comparator somewhat earlier
    than this says, unless its noise is fresh at every strobe (see `circuit.strobe`).

    Args:
        chip: the chip, with its noise.
        target: the target as arrays.
        lost: what undecided latches add; None: nothing.
    """
    if target.inputs is None:
        square = (chip.noisy_y_lsb - chip.y_lsb) ** 2
        unit = target.variation_lsb
    else:
        nodes, shares = nodes_between(target.inputs, chip.x, chip.noisy_x)
        away = jnp.abs(evaluate_spline(target.spline, nodes) - chip.y_lsb)
        piled = jnp.abs(atoms_between(target.inputs, chip.x, chip.noisy_x))
        piled_away = jnp.abs(target.inputs.atom_y_lsb - chip.y_lsb[:, None])
        square = jnp.sum(jnp.abs(shares) * away, axis=0) + jnp.sum(piled * piled_away, axis=-1)
        unit = jnp.asarray(0.5, chip.x.dtype)
    square = jnp.abs(target.step_lsb) * _weighted(square, chip)
    return root(_with_lost(jnp.sum(jnp.where(target.valid, square, 0.0)) / unit, lost))


def total_rmse_lsb(chip: Realised, target: TargetArrays, lost: Lost | None = None) -> Float[Array, ""]:
    """Root mean square error over inputs and noise, static and temporal together, in LSB; see `noise_rms_lsb`.

    Args:
        chip: the chip, with its noise.
        target: the target as arrays.
        lost: what undecided latches add; None: nothing.
    """
    still = jnp.sum(excess_lsb2(chip.x, chip.y_lsb, target))
    moved = jnp.sum(_weighted(excess_lsb2(chip.noisy_x, chip.noisy_y_lsb, target), chip))
    centre = _WEIGHTS[chip.noisy_x.shape[0]][0]
    return root(_with_lost(target.ideal_rmse_lsb**2 + centre * still + moved, lost))


def _weighted(at_nodes: Float[Array, " node threshold"], chip: Realised) -> Float[Array, " threshold"]:
    """The sum over the nodes of what is temporal, without the centre."""
    weights = _WEIGHTS[chip.noisy_x.shape[0]][1]
    if len(set(weights)) == 1:
        return weights[0] * jnp.sum(at_nodes, axis=0)
    return jnp.sum(jnp.asarray(weights, at_nodes.dtype)[:, None] * at_nodes, axis=0)


def _with_lost(square: Float[Array, ""], lost: Lost | None) -> Float[Array, ""]:
    return square if lost is None else lost.kept * square + lost.added_lsb2


def mean_code_error_probability(
    thresholds: Float[Array, " threshold"],
    sigma_x: Float[Array, " threshold"],
    target: TargetArrays,
    jump_x: Float[Array, " threshold"] | None = None,
    lost: Lost | None = None,
) -> Float[Array, ""]:
    """Share of conversions whose code differs from the noise-free one of the same chip.

    `code_error_probability` averaged over inputs: threshold k errs for inputs up to the neighbouring thresholds only,
    sum_k E[P(input between T_k and T_k + n_k)] with T_k + n_k held between its neighbours; where every output is
    equally likely the probability is |g(T_k + n_k) - g(T_k)| / TV. By eight quantiles of |n_k|.

    Args:
        thresholds: realised thresholds, in x, ascending.
        sigma_x: standard deviation of each from conversion to conversion.
        target: the target as arrays.
        jump_x: by how much an undecided latch flips each threshold early or late, evenly; None: it never does.
        lost: what undecided latches add; None: nothing.
    """
    k = jnp.arange(thresholds.shape[0])
    last = jnp.sum(target.valid) - 1
    below = jnp.where(k > 0, jnp.roll(thresholds, 1), -jnp.inf)
    above = jnp.where(k < last, jnp.roll(thresholds, -1), jnp.inf)
    shift = jnp.asarray(_HALF_NORMAL, thresholds.dtype)[:, None] * sigma_x
    shifts = jnp.stack([-shift, shift])
    if jump_x is not None:
        shifts = jnp.stack([shifts - jump_x, shifts + jump_x])
    moved = jnp.clip(thresholds + shifts, below, above)
    share, total = _share_between(thresholds, moved, target)
    noisy = jnp.sum(jnp.where(target.valid, jnp.mean(share, axis=tuple(range(share.ndim - 1))), 0.0)) / total
    return noisy if lost is None else lost.kept * noisy + lost.added_wrong


def lost_decisions(
    kind: str, thresholds: Float[Array, " threshold"], undecided_x: Float[Array, ""], target: TargetArrays
) -> Lost:
    """What undecided latches do to the code.

    neighbour: one of the two codes beside the threshold, as its flips early and late say. mixture: every bit that
    differs between these two words is that of either, evenly: sum of 4^i/4 over these bits i in place of a quarter of
    the step between the neighbours. random: any of the M codes, all equally likely.

    Args:
        kind: `neighbour`, `mixture` or `random`.
        thresholds: realised thresholds, in x, ascending.
        undecided_x: half width of the inputs for which a latch stays undecided, in x.
        target: the target as arrays.

    References:
        Gray-coded or synchronised counters change one bit at a time, a binary one many: e.g. Razavi, Principles of Data
        Conversion System Design (1995), section 6.3, on metastability in the encoding of flash converters.
    """
    share = metastable_probability(thresholds, undecided_x, target)
    none, one = jnp.zeros_like(share), jnp.ones_like(share)
    if kind == "neighbour":
        return Lost(share, one, none, none)
    each, _ = _share_between(thresholds - undecided_x, thresholds + undecided_x, target)
    each = jnp.where(target.valid, each, 0.0)
    # Where windows meet an input has one word mixed, not two.
    total = jnp.sum(each)
    each = each * jnp.where(total > 0, share / jnp.where(total > 0, total, 1.0), 0.0)
    if kind == "random":
        wrong = share * (target.n_codes - 1) / target.n_codes
        return Lost(share, 1.0 - share, jnp.sum(each * target.random_code_lsb2), wrong)
    return Lost(share, one, jnp.sum(each * target.mixed_lsb2), jnp.sum(each * target.mixed_wrong))


def metastable_probability(
    thresholds: Float[Array, " threshold"], undecided_x: Float[Array, ""], target: TargetArrays
) -> Float[Array, ""]:
    """Share of conversions that meet an undecided latch.

    sum_k P(input between T_k - w and T_k + w) with w the half width of the inputs for which the latch stays undecided,
    at most 1: a bound where the windows of neighbours overlap. Where every output is equally likely the probability is
    |g(T_k + w) - g(T_k - w)| / TV, too little for a window that holds an extremum.
    """
    share, total = _share_between(thresholds - undecided_x, thresholds + undecided_x, target)
    return jnp.minimum(jnp.sum(jnp.where(target.valid, share, 0.0)) / total, 1.0)


def _share_between(
    start: Float[Array, " threshold"], end: Float[Array, "... threshold"], target: TargetArrays
) -> tuple[Float[Array, "... threshold"], Float[Array, ""]]:
    """Inputs between two places near each threshold, and how many there are in all."""
    if target.inputs is None:
        distance = jnp.abs(evaluate_spline(target.spline, end) - evaluate_spline(target.spline, start))
        return distance, target.variation_lsb
    _, shares = nodes_between(target.inputs, start, end)
    piled = atoms_between(target.inputs, start, end)
    return jnp.abs(jnp.sum(shares, axis=0)) + jnp.abs(jnp.sum(piled, axis=-1)), jnp.ones_like(target.variation_lsb)


def enob(total_rmse: Float[Array, ""], n_codes: int | Float[Array, ""]) -> Float[Array, ""]:
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
