"""The engine's model of one converter column with its measures."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from rampjax import metrics
from rampjax.circuit.converter import ColumnStructure, ConverterParams, sample_column


@dataclass(frozen=True)
class ColumnModel:
    """A column and what is measured of it; keeps the realised thresholds (x) and the ramp (V) of the first chips.

    Attributes:
        structure: what changes the compiled kernel.
        names: measures, of `metrics.MEASURES`.
        n_thresholds: padded number of thresholds.
    """

    structure: ColumnStructure
    names: tuple[str, ...]
    n_thresholds: int

    @property
    def width(self) -> int:
        return self.n_thresholds * self.structure.n_redundant

    def __call__(
        self, key: Key[Array, ""], params: ConverterParams
    ) -> tuple[Float[Array, " measure"], Float[Array, "2 threshold"]]:
        column = sample_column(key, params, self.structure)
        target = params.target
        chip = metrics.realise(column.thresholds, target, column.sigma_x)
        measures = {
            "max_inl_lsb": lambda: metrics.max_inl_lsb(chip, target),
            "max_err_lsb": lambda: metrics.max_err_lsb(chip, target),
            "max_dnl_lsb": lambda: metrics.max_dnl_lsb(chip, target),
            "rmse_lsb": lambda: metrics.rmse_lsb(chip, target),
            "noise_rms_lsb": lambda: metrics.noise_rms_lsb(chip, target),
            "total_rmse_lsb": lambda: metrics.total_rmse_lsb(chip, target),
            "enob": lambda: metrics.enob(metrics.total_rmse_lsb(chip, target), target.has_code.shape[0]),
            "missing_codes": lambda: metrics.missing_codes(chip, target),
        }
        return jnp.stack([measures[name]() for name in self.names]), jnp.stack([column.thresholds, column.v_ramp_V])
