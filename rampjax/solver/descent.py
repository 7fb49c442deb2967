"""The descent: from one start to a layout on the grid, compiled, many starts of many problems in one call.

First every aim is moved until the mean chip is right (what settling, injection or lost time will add is taken off
beforehand), and once more when pulses have been found. Then Adam on all unknowns, with pulse widths drawn towards
whole grains; once they are whole, charge and aims alone. Every iteration sees chips of its own, so that no layout fits
itself to a sample.

References:
    Kingma and Ba 2015, arXiv 1412.6980: Adam, by optax.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from rampjax import metrics
from rampjax.circuit.converter import lost_of, realise_column, sample_column
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.solver.objective import Aim, Sharpness, loss
from rampjax.solver.unknowns import Frame, Unknowns, column_params, pulses_of

HELD = 0.8  # share of the iterations after which widths are whole and nothing is sharpened any more
_SHORTEST, _LARGEST = -20.0, 60.0  # logarithms of widths and charges beyond every limit: the limits hold them
_NO_LAYOUT = 0.01  # relative excess of a conductance over its range that no small change of the charge mends
AIMED_ANEW = 0.4  # share of the iterations after which aims are found anew
_RELAXED = 0.4  # share after which widths begin to be rounded
_AIMING = 5  # rounds that move the aims until the mean chip is right
_WIDER = 1.5  # times the range of conductances, while aims are moved
_CLEAR = 2.0  # standard errors by which the mean chip must be off before an aim is moved
LANES = 8  # starts side by side
_RATES = {"log_charge": 0.01, "log_grains": 0.05, "shift": 0.01}  # of Adam, at its largest


class Lane(NamedTuple):
    """One start of one problem."""

    unknowns: Unknowns
    frame: Frame
    base: ConverterParams
    aim: Aim
    key: Key[Array, ""]  # of the chips of this start
    check_key: Key[Array, ""]  # of the chips on which all starts of a problem are compared


class State(NamedTuple):
    """Where a lane is."""

    unknowns: Unknowns
    moments: Any  # Adam's


def begin(unknowns: Unknowns) -> State:
    """The state of many lanes before the first iteration."""
    return jax.vmap(lambda each: State(each, optax.scale_by_adam().init(each)))(unknowns)


@functools.lru_cache(maxsize=64)
def compile_aiming(structure: ColumnStructure, chips: int) -> Callable[[Lane], tuple[Unknowns, Float[Array, " lane"]]]:
    """Moves the aims of many lanes (a leading axis on every array) until the mean chip is right.

    Returns the unknowns of which the mean chip was least off, and by how much: local steps, squared and summed.
    """

    def one(lane: Lane) -> tuple[Unknowns, Array]:
        def again(
            held: tuple[Unknowns, Unknowns, Array], number: Array
        ) -> tuple[tuple[Unknowns, Unknowns, Array], None]:
            # Numbers from here on keep these chips apart from those of the descent.
            keys = jax.random.split(jax.random.fold_in(lane.key, jnp.uint32(2**31) + number), chips)
            unknowns, best, least = held
            off = _mean_off(unknowns, keys, lane, structure)
            size = jnp.sum(off**2)
            best = jax.tree.map(lambda new, old: jnp.where(size < least, new, old), unknowns, best)
            share = 1.0 / jnp.maximum(number.astype(float), 1.0)
            moved = unknowns._replace(shift=unknowns.shift - share * jnp.clip(off, -1.0, 1.0))
            return (moved, best, jnp.minimum(size, least)), None

        start = (lane.unknowns, lane.unknowns, jnp.array(jnp.inf))
        (_, aimed, least), _ = jax.lax.scan(again, start, jnp.arange(_AIMING, dtype=jnp.uint32))
        return aimed, least

    return jax.jit(lambda lanes: jax.lax.map(one, lanes, batch_size=LANES))


def aim_anew(lanes: Lane, state: State, aiming: Callable[[Lane], tuple[Unknowns, Array]]) -> State:
    """Aims again with the pulses that have been found, from where the aims are and from the thresholds.

    Aims that made up for pulses out of reach are wrong once these are in reach, and far for small steps.

    Args:
        lanes: what is descended.
        state: where they are.
        aiming: of `compile_aiming`.
    """
    here, off_here = aiming(lanes._replace(unknowns=state.unknowns))
    at_thresholds = state.unknowns._replace(shift=jnp.zeros_like(state.unknowns.shift))
    anew, off_anew = aiming(lanes._replace(unknowns=at_thresholds))
    shift = jnp.where((off_anew < off_here)[:, None], anew.shift, here.shift)
    return state._replace(unknowns=state.unknowns._replace(shift=shift))


@functools.lru_cache(maxsize=64)
def compile_descent(
    structure: ColumnStructure, objective: str, tail: float, chips: int, iterations: int, length: int
) -> Callable[[Lane, State, Array], tuple[State, Float[Array, "lane iteration"]]]:
    """So many iterations (`length`) out of all, for many lanes, from a first one on; returns the objective too."""
    adam = optax.scale_by_adam()
    schedule = optax.cosine_decay_schedule(1.0, iterations, alpha=0.02)

    def one(lane: Lane, state: State, first: Int[Array, ""]) -> tuple[State, Array]:
        moves = Unknowns(lane.frame.free_charge, lane.frame.free_grains, jnp.ones(()))

        def iterate(state: State, number: Array) -> tuple[State, Array]:
            keys = jax.random.split(jax.random.fold_in(lane.key, number), chips)
            sharp = sharpness_at(number / iterations)
            value, slope = jax.value_and_grad(loss)(
                state.unknowns, keys, lane.frame, lane.base, lane.aim, sharp, objective, tail, structure
            )
            step, moments = adam.update(jax.tree.map(jnp.nan_to_num, slope), state.moments)
            rates = Unknowns(**{name: schedule(number) * most for name, most in _RATES.items()})
            moved = jax.tree.map(lambda u, s, free, rate: u - rate * free * s, state.unknowns, step, moves, rates)
            return State(_held(moved, lane.frame, sharp.rounding), moments), value

        return jax.lax.scan(iterate, state, first + jnp.arange(length))

    def many(lanes: Lane, states: State, first: Array) -> Any:
        return jax.lax.map(lambda pair: one(pair[0], pair[1], first), (lanes, states), batch_size=LANES)

    return jax.jit(many)


@functools.lru_cache(maxsize=64)
def compile_check(
    structure: ColumnStructure, objective: str, quantile: float, chips: int
) -> Callable[[Lane, Unknowns, Unknowns], Float[Array, "lane variant"]]:
    """The objective itself, nothing smoothed, of each of `variants_of` of many lanes; of the yield the bad share."""

    def one(lane: Lane, solved: Unknowns, aimed: Unknowns) -> Array:
        each = variants_of(solved, aimed, (lane.frame.free_charge, lane.frame.free_grains))
        variants: Unknowns = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each.values())
        keys = jax.random.split(lane.check_key, chips)
        values: Array = jax.lax.map(
            lambda variant: _value(variant, keys, lane, objective, quantile, structure), variants
        )
        return values

    return jax.jit(
        lambda lanes, solved, aimed: jax.lax.map(lambda each: one(*each), (lanes, solved, aimed), batch_size=LANES)
    )


def variants_of(solved: Unknowns, aimed: Unknowns, free: tuple[Array, Array]) -> dict[str, Unknowns]:
    """What a lane may end as, by name: rounding may cost more than aims or relaxed widths had gained.

    Args:
        solved: where the descent ended.
        aimed: where it began.
        free: 1, or 0 where it is frozen, of charge and pulse widths.
    """
    at_thresholds = jnp.zeros_like(solved.shift)
    shortest = solved._replace(log_grains=jnp.where(free[1] > 0, _SHORTEST, solved.log_grains))
    largest = jnp.where(free[0] > 0, _LARGEST, solved.log_charge)
    return {
        "solved": solved,
        "solved, aims at the thresholds": solved._replace(shift=at_thresholds),
        "solved, shortest pulses": shortest,
        "solved, shortest pulses, largest charge": shortest._replace(log_charge=largest),
        "start, aims moved": aimed,
        "start": aimed._replace(shift=at_thresholds),
    }


def sharpness_at(done: Float[Array, ""]) -> Sharpness:
    """How sharp stand-ins are when a share of the iterations is done."""
    done = jnp.minimum(done / HELD, 1.0)
    rounding = jnp.clip((done * HELD - _RELAXED) / (HELD - _RELAXED), 0.0, 1.0)
    return Sharpness(power=8.0 + 24.0 * done, width=0.3 - 0.2 * done, rounding=rounding)


def _value(
    unknowns: Unknowns, keys: Key[Array, " chip"], lane: Lane, objective: str, quantile: float, structure: Any
) -> Float[Array, ""]:
    pulses = pulses_of(unknowns, lane.frame, jnp.ones(()))
    params = column_params(pulses, lane.frame, lane.base)
    beyond = jnp.maximum(pulses.g_uS / lane.frame.g_max_uS, lane.frame.g_min_uS / jnp.maximum(pulses.g_uS, 1e-9))
    fits = jnp.max(jnp.where(lane.frame.is_step, beyond, 0.0)) < 1.0 + _NO_LAYOUT

    def of_chip(key: Array) -> Array:
        column = sample_column(key, params, structure)
        chip = realise_column(column, params.target)
        lost = lost_of(column, params.target, structure.undecided)
        if objective == "rmse":
            return metrics.rmse_lsb(chip, params.target)
        if objective == "total":
            return metrics.total_rmse_lsb(chip, params.target, lost)
        worst = metrics.max_inl_lsb(chip, params.target)
        if objective == "yield":
            return worst
        return worst + lane.aim.noise_weight * metrics.noise_rms_lsb(chip, params.target, lost)

    errors = jax.lax.map(of_chip, keys, batch_size=256)
    if objective == "quantile":
        value = jnp.quantile(errors, quantile)
    elif objective == "yield":
        # Among layouts of equal yield the smaller error decides.
        value = jnp.mean(errors > lane.aim.spec_lsb) + 1e-4 * jnp.mean(errors) / lane.aim.spec_lsb
    else:
        value = jnp.mean(errors)
    return jnp.where(fits, value, jnp.inf)


def _held(unknowns: Unknowns, frame: Frame, rounding: Float[Array, ""]) -> Unknowns:
    """Widths inside their limits; once they are whole they stay, and what is left moves charge and aims alone."""
    inside = pulses_of(unknowns, frame, jnp.floor(rounding)).grains
    return unknowns._replace(log_grains=jnp.log(inside))


def _mean_off(
    unknowns: Unknowns, keys: Key[Array, " chip"], lane: Lane, structure: ColumnStructure
) -> Float[Array, " level"]:
    """How far the mean chip is off at each level, in local steps; 0 where it is not clearly off.

    With a wider range of conductances than the device has: what its limits cost is a matter of pulses, and aims that
    make up for it would be wrong once these are right.
    """
    frame, device = lane.frame, lane.base.device
    wider = device._replace(g_min_uS=device.g_min_uS / _WIDER, g_max_uS=device.g_max_uS * _WIDER)
    base = lane.base._replace(device=wider)
    params = column_params(pulses_of(unknowns, frame, jnp.zeros(())), frame, base)
    thresholds = jax.vmap(lambda key: sample_column(key, params, structure).thresholds)(keys)
    off = jnp.mean(thresholds, axis=0) - params.target.thresholds
    unsure = _CLEAR * jnp.std(thresholds, axis=0) / jnp.sqrt(keys.shape[0])
    clear = jnp.where(params.target.valid & jnp.isfinite(off), jnp.abs(off) > unsure, False)
    off = jnp.where(clear, off, 0.0)
    if structure.subset:
        off = jnp.zeros_like(frame.levels).at[params.level_of].add(off)
    return off / frame.local
