"""A design with known conductances, on the host: what it realises, and how far each device moves its thresholds."""

from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike, NDArray

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.circuit.known_ramp import known_columns
from rampjax.circuit.ramp import volts_per_uS
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.interop.column.linearity import Linearity, linearity

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Columns:
    """What columns realise, on the host: `circuit.known_ramp.KnownColumn` of each, without padding."""

    ahead_V: FloatArray  # (column, device)
    measured_V: FloatArray  # (column, level)
    thresholds: FloatArray  # (column, threshold), in x
    n_rises: NDArray[np.int64]  # (column, threshold) how often the ramp has risen by each
    sigma_x: FloatArray  # (column, threshold)


@dataclass(frozen=True, eq=False)
class Typical:
    """A design with all that differs from chip to chip at its mean, but for the conductances."""

    design: Design

    @cached_property
    def params(self) -> ConverterParams:
        return converter_params(self.design)

    @cached_property
    def structure(self) -> ColumnStructure:
        return column_structure(self.design)

    @property
    def n_devices(self) -> int:
        """Devices of one column, bias devices first."""
        return self.design.n_bias + int(self.design.n_devices.sum())

    @cached_property
    def target_uS(self) -> FloatArray:
        """(device,) what each is programmed to, before any measurement."""
        design = self.design
        return np.concatenate([np.full(design.n_bias, design.g_bias_uS), design.g_target_uS[design.step_of]])

    @cached_property
    def x_per_uS(self) -> FloatArray:
        """(device,) how far 1 µS of each moves the thresholds behind it, in x."""
        gain_V = np.asarray(volts_per_uS(self.params.ramp), np.float64)[: self.n_devices]
        return gain_V / self.design.scale_V

    def possible_uS(self, aim_uS: float) -> float:
        """The nearest conductance that can be aimed at.

        Args:
            aim_uS: wanted, µS.
        """
        device = self.design.device
        inside = float(np.clip(aim_uS, device.g_min_uS, device.g_max_uS))
        if not device.g_step_uS:
            return inside
        return float(device.g_min_uS + np.rint((inside - device.g_min_uS) / device.g_step_uS) * device.g_step_uS)

    def realise(self, g_uS: ArrayLike) -> Columns:
        """What columns of these conductances realise.

        Args:
            g_uS: (column, device) conductances, µS.
        """
        found = known_columns(self.padded(g_uS), self.params, self.structure)
        n_thresholds = len(self.design.level_of)

        def host(values: Array, n: int) -> FloatArray:
            return np.asarray(values, np.float64)[:, :n]

        return Columns(
            ahead_V=host(found.ahead_V, self.n_devices),
            measured_V=host(found.measured_V, len(self.design.v_ramp_V)),
            thresholds=host(found.thresholds, n_thresholds),
            n_rises=np.asarray(found.n_rises, np.int64)[:, :n_thresholds],
            sigma_x=host(found.sigma_x, n_thresholds),
        )

    def measure(self, g_uS: ArrayLike) -> Linearity:
        """How linear one column is.

        Args:
            g_uS: (device,) conductances, µS.
        """
        found = self.realise(np.asarray(g_uS)[None])
        own = (found.thresholds[0], found.sigma_x[0], found.n_rises[0])
        return linearity(self.design.target, self.params.target, *own)

    def padded(self, g_uS: ArrayLike) -> jnp.ndarray:
        """Conductances as the circuit takes them: 0 in the padding.

        Args:
            g_uS: (..., device) conductances, µS.
        """
        g = np.asarray(g_uS, np.float64)
        widths = [(0, 0)] * (g.ndim - 1) + [(0, len(self.params.g_target_uS) - g.shape[-1])]
        return jnp.asarray(np.pad(g, widths), jnp.float32)
