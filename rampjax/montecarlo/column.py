"""The engine's models of one converter column, and of an array of them, with their measures."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from rampjax import metrics
from rampjax.circuit.converter import Column, lost_of, read_ramp, realise_column, sample_column
from rampjax.circuit.design import Design
from rampjax.circuit.ramp_column import sample_ramp
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.target.arrays import TargetArrays

_RAMPS, _COLUMNS = 64, 65  # streams of an array, beside those of a column


@dataclass(frozen=True)
class ColumnModel:
    """A column and what is measured of it; keeps the realised thresholds (x) and the ramp (V) of the first chips.

    Attributes:
        structure: what changes the compiled kernel.
        names: measures, of `metrics.MEASURES`.
        n_levels: padded number of the column's levels.
    """

    structure: ColumnStructure
    names: tuple[str, ...]
    n_levels: int

    @property
    def width(self) -> int:
        return self.n_levels * self.structure.n_redundant

    def __call__(
        self, key: Key[Array, ""], params: ConverterParams
    ) -> tuple[Float[Array, " measure"], Float[Array, "2 threshold"]]:
        column = sample_column(key, params, self.structure)
        return measure(column, params.target, self.names, self.structure.undecided), jnp.stack(
            [column.thresholds, column.v_ramp_V]
        )


@dataclass(frozen=True)
class ArrayModel:
    """Columns that share ramps: an array is as good as the worst of the columns that it needs.

    Of `n_columns + n_spare` columns the `n_spare` worst, measure by measure, are not used. The yield at a spec is then
    E_ramp[P(column good | ramp)^N] without spares, and what spares make of it, with no formula in between.
    Keeps the first column's thresholds and ramp.

    Attributes:
        column: one column.
        n_columns: columns that must work.
        n_spare: columns beside them.
        n_ramps: ramps, each serving an equal share.
    """

    column: ColumnModel
    n_columns: int
    n_spare: int = 0
    n_ramps: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return self.column.names

    @property
    def width(self) -> int:
        return self.column.width * self.n_ramps + self.column.n_levels * (self.n_columns + self.n_spare)

    def __call__(
        self, key: Key[Array, ""], params: ConverterParams
    ) -> tuple[Float[Array, " measure"], Float[Array, "2 threshold"]]:
        structure, names = self.column.structure, self.names
        n_all = self.n_columns + self.n_spare
        ramp_keys = jax.random.split(jax.random.fold_in(key, _RAMPS), self.n_ramps)
        ramps = jax.vmap(lambda ramp_key: sample_ramp(ramp_key, params, structure))(ramp_keys)
        column_keys = jax.random.split(jax.random.fold_in(key, _COLUMNS), n_all)
        ramp_of = jnp.arange(n_all) * self.n_ramps // n_all

        def one(column_key: Array, index: Array) -> tuple[Array, Array]:
            ramp = jax.tree.map(lambda each: each[index], ramps)
            column = read_ramp(column_key, ramp, params, structure)
            return measure(column, params.target, names, structure.undecided), jnp.stack(
                [column.thresholds, column.v_ramp_V]
            )

        values, raw = jax.vmap(one)(column_keys, ramp_of)
        signs = jnp.array([-1.0 if name == "enob" else 1.0 for name in names])
        worst_used = jnp.sort(values * signs, axis=0)[self.n_columns - 1] * signs
        totals = jnp.array([name in _OF_RAMPS for name in names])
        # What programming the ramps took is a sum over ramps, whichever columns are used.
        per_ramp = jax.vmap(lambda ramp: _of_written(ramp.written, names))(ramps)
        return jnp.where(totals, jnp.sum(per_ramp, axis=0), worst_used), raw[0]


def design_model(
    design: Design, structure: ColumnStructure, names: tuple[str, ...], params: ConverterParams
) -> ColumnModel | ArrayModel:
    """The engine's model of a design: one column, or a whole array where it has more.

    Args:
        design: how many columns, spares and ramps.
        structure: has all that the design needs, and maybe more.
        names: measures.
        params: the traced parameters that it will run with.
    """
    array = design.circuit.array
    column = ColumnModel(structure, names, params.v_target_V.shape[-1])
    if array.n_columns + array.n_spare == 1:
        return column
    return ArrayModel(column, array.n_columns, array.n_spare, array.n_ramps)


_OF_RAMPS: dict[str, Callable[..., Array]] = {
    "n_unverified": lambda written: jnp.sum(~written.verified),
    "write_pulses": lambda written: jnp.sum(written.n_pulses),
    "write_energy_fJ": lambda written: jnp.sum(written.energy_fJ),
}


def _of_written(written: object, names: tuple[str, ...]) -> Float[Array, " measure"]:
    """What the write-verify loops took, 0 where there were none and for every other measure."""
    values = [_OF_RAMPS[name](written) if name in _OF_RAMPS and written is not None else 0.0 for name in names]
    return jnp.stack([jnp.asarray(value, jnp.float32) for value in values])


def measure(
    column: Column, target: TargetArrays, names: tuple[str, ...], undecided: str | None = None
) -> Float[Array, " measure"]:
    """Measures a column.

    Args:
        column: the column, as it is in use.
        target: what it should compute.
        names: of `metrics.MEASURES`.
        undecided: what an undecided latch gives; None: latches decide.
    """
    chip = realise_column(column, target)
    lost = lost_of(column, target, undecided)
    measures: dict[str, Callable[[], Array]] = {
        "max_inl_lsb": lambda: metrics.max_inl_lsb(chip, target),
        "max_err_lsb": lambda: metrics.max_err_lsb(chip, target),
        "max_dnl_lsb": lambda: metrics.max_dnl_lsb(chip, target),
        "rmse_lsb": lambda: metrics.rmse_lsb(chip, target),
        "noise_rms_lsb": lambda: metrics.noise_rms_lsb(chip, target, lost),
        "total_rmse_lsb": lambda: metrics.total_rmse_lsb(chip, target, lost),
        "enob": lambda: metrics.enob(metrics.total_rmse_lsb(chip, target, lost), target.n_codes),
        "missing_codes": lambda: metrics.missing_codes(chip, target),
        "code_error_probability": lambda: metrics.mean_code_error_probability(
            column.thresholds, column.sigma_x, target, column.jump_x, lost
        ),
        "metastable_probability": lambda: jnp.zeros(()) if lost is None else lost.share,
    }
    of_ramp = _of_written(column.written, names)
    return jnp.stack([measures[name]() if name in measures else of_ramp[i] for i, name in enumerate(names)])
