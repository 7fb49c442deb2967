"""What solved and closed-form columns are worth, on chips that no descent has seen."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy import stats

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.metrics import mean_interval, yield_interval
from rampjax.montecarlo.column import ArrayModel, ColumnModel, design_model
from rampjax.montecarlo.keys import MAX_SEED, sample_key, study_key
from rampjax.solver.lanes import stack
from rampjax.solver.settings import SolveSettings
from rampjax.target.arrays import TargetArrays

MEASURES = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb")
_BLOCK = 256
_APART = 2**61  # between the seed of a solve and that of its fresh chips: no study simulates these


@dataclass(frozen=True, eq=False)
class Scores:
    """A design on fresh chips; intervals are of 95 %."""

    objective: float  # what is minimised; of `yield`, the yield itself
    objective_ci: tuple[float, float]
    mean: Mapping[str, float]  # of `MEASURES`
    ci: Mapping[str, tuple[float, float]]
    quantile_lsb: float  # of the worst INL
    yield_fraction: float  # share of chips whose worst INL is within the spec
    yield_ci: tuple[float, float]
    total_yield_fraction: float  # share of chips whose total rms error, noise included, is within the same spec
    total_yield_ci: tuple[float, float]
    lsb: float = 1.0  # what one LSB is, in units of the output: level schemes differ in it

    def better_than(self, other: "Scores", settings: SolveSettings) -> bool:
        """Whether the objective is better; of equal yields the smaller mean worst INL. Ties go to the other."""
        if settings.objective != "yield":
            return self.objective * self.lsb < other.objective * other.lsb
        mine, yours = (each.mean["max_inl_lsb"] * each.lsb for each in (self, other))
        return self.objective > other.objective or (self.objective == other.objective and mine < yours)


def measure_chips(designs: Sequence[Design], arrays: Sequence[TargetArrays], n_chips: int, seed: int) -> np.ndarray:
    """The measures of the same fresh chips of every design, shape (design, chip, measure).

    Args:
        designs: any.
        arrays: `target_arrays` of the target of each.
        n_chips: number of chips, rounded up to whole blocks.
        seed: of the solve.
    """
    params = [converter_params(design, target) for design, target in zip(designs, arrays, strict=True)]
    models = [
        design_model(design, column_structure(design), MEASURES, each)
        for design, each in zip(designs, params, strict=True)
    ]
    groups: dict[Any, list[int]] = {}
    for i, (model, each) in enumerate(zip(models, params, strict=True)):
        structure = model.column.structure if isinstance(model, ArrayModel) else model.structure
        groups.setdefault((type(model), structure, designs[i].circuit.array, jax.tree.structure(each)), []).append(i)
    measured = np.zeros((len(designs), -(-n_chips // _BLOCK) * _BLOCK, len(MEASURES)))
    fresh = study_key((seed + _APART) % (MAX_SEED + 1))
    for members in groups.values():
        kernel = _compile(models[members[0]], -(-n_chips // _BLOCK))
        measured[members] = np.asarray(kernel(stack([params[i] for i in members]), fresh))
    return measured[:, :n_chips]


@functools.lru_cache(maxsize=64)
def _compile(model: ColumnModel | ArrayModel, n_blocks: int) -> Callable[[Any, Array], Array]:
    def one(params: Any, base: Array) -> Array:
        def block(start: Array) -> Array:
            keys = jax.vmap(lambda offset: sample_key(base, jnp.uint32(0), start + offset))(
                jnp.arange(_BLOCK, dtype=jnp.uint32)
            )
            return jax.vmap(lambda key: model(key, params)[0])(keys)

        values: Array = jax.lax.map(block, jnp.arange(n_blocks, dtype=jnp.uint32) * _BLOCK)
        return values.reshape(-1, len(MEASURES))

    return jax.jit(lambda stacked, base: jax.lax.map(lambda params: one(params, base), stacked))


def scores_of(measured: np.ndarray, settings: SolveSettings, lsb: float) -> Scores:
    """Reduces the measures of chips.

    Args:
        measured: (chip, measure), of `MEASURES`.
        settings: objective, spec and quantile.
        lsb: of the target, in units of the output.
    """
    columns = dict(zip(MEASURES, measured.T, strict=True))
    worst = columns["max_inl_lsb"]
    yields, total_yields = _yield(worst, settings.spec_lsb), _yield(columns["total_rmse_lsb"], settings.spec_lsb)
    means = {name: float(values.mean()) for name, values in columns.items()}
    intervals = {name: _interval(values) for name, values in columns.items()}
    weighted = worst + settings.noise_weight * columns["noise_rms_lsb"]
    if settings.objective == "yield":
        objective, interval = yields
    elif settings.objective == "quantile":
        objective, interval = float(np.quantile(weighted, settings.quantile)), _order(weighted, settings.quantile)
    else:
        chosen = {"rmse": columns["rmse_lsb"], "total": columns["total_rmse_lsb"], "max_inl": weighted}
        values = chosen[settings.objective]
        objective, interval = float(values.mean()), _interval(values)
    quantile_lsb = float(np.quantile(worst, settings.quantile))
    return Scores(objective, interval, means, intervals, quantile_lsb, *yields, *total_yields, lsb)


def _yield(values: np.ndarray, spec_lsb: float) -> tuple[float, tuple[float, float]]:
    """Share of chips within the spec, with its interval."""
    good = int((values <= spec_lsb).sum())
    low, high = yield_interval(good, len(values))
    return good / len(values), (float(low), float(high))


def _interval(values: np.ndarray) -> tuple[float, float]:
    low, high = mean_interval(float(values.mean()), float(values.std(ddof=1)), len(values))
    return float(low), float(high)


def _order(values: np.ndarray, quantile: float) -> tuple[float, float]:
    """Interval of a quantile from order statistics, whose ranks are binomial."""
    low, high = (int(rank) for rank in np.asarray(stats.binom.ppf([0.025, 0.975], len(values), quantile)))
    ordered = np.sort(values)
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, len(values) - 1)])
