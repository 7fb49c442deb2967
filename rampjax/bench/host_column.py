"""The sigmoid column on the host: the numbers of its design, and its chips in plain NumPy, as a careful user writes it.

Single precision, in place, in blocks that stay in a core's cache; steps first, so that every operation runs along
the chips. Independent of the engine: the function is the closed form, not a table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rampjax.bench.cores import generator
from rampjax.circuit.curves import curve_at_uS
from rampjax.circuit.design import Design

Floats = NDArray[np.float32]

_BLOCK = 2**16  # numbers of a working array


@dataclass(frozen=True, eq=False)
class HostColumn:
    """What a design comes down to where nothing but programming error and read noise varies."""

    n_codes: int
    thresholds: Floats  # (K,) float32, in x
    g_target_uS: Floats  # (K-1,) float32
    x_per_uS: np.float32  # what 1 µS adds to the ramp, the same at every step
    g_min_uS: np.float32
    g_max_uS: np.float32
    sigma_prog_uS: np.float32
    sigma_read_uS: np.float32

    @property
    def chips_per_block(self) -> int:
        return max(64, _BLOCK // len(self.thresholds))


def host_column(design: Design) -> HostColumn:
    """The numbers of a design on a device of constant sigmas, one full clock per step."""
    thresholds, g_target_uS = design.target.thresholds, design.g_target_uS
    x_per_uS = (thresholds[-1] - thresholds[0]) / g_target_uS.sum()
    device = design.device
    return HostColumn(
        n_codes=2**design.target.bits,
        thresholds=thresholds.astype(np.float32),
        g_target_uS=g_target_uS.astype(np.float32),
        x_per_uS=np.float32(x_per_uS),
        g_min_uS=np.float32(device.g_min_uS),
        g_max_uS=np.float32(device.g_max_uS),
        sigma_prog_uS=np.float32(curve_at_uS(device.sigma_prog_uS, 0.0)),
        sigma_read_uS=np.float32(curve_at_uS(device.sigma_read_uS, 0.0)),
    )


def worst_inl_lsb(column: HostColumn, chips: int, seed: int, core: int, ramp_aware: bool) -> Floats:
    """Worst INL of each of `chips` chips, (chips,) float32.

    Args:
        column: the design's numbers.
        chips: how many.
        seed: of the draws.
        core: which core's stream.
        ramp_aware: programmed step by step at what remains to the threshold, or all steps at once.
    """
    rng, width = generator(seed, core), column.chips_per_block
    z = np.empty((len(column.g_target_uS), width), np.float32)
    x = np.empty((len(column.thresholds), width), np.float32)
    deviate = _ramp_aware_uS if ramp_aware else _plain_uS
    worst = [_block(column, rng, z, x, deviate) for _ in range(-(-chips // width))]
    return np.concatenate(worst)[:chips]


def _block(
    column: HostColumn,
    rng: np.random.Generator,
    z: Floats,
    x: Floats,
    deviate: Callable[[HostColumn, Floats, Floats], None],
) -> Floats:
    """One block of chips in the working arrays `z` (step, chip) and `x` (threshold, chip)."""
    rng.standard_normal(out=z, dtype=np.float32)
    z *= column.sigma_prog_uS
    x[0] = 0.0
    deviate(column, z, x)
    x *= column.x_per_uS
    x += column.thresholds[:, None]
    # In LSB g(x) = M / (1 + exp(-x)); the boundaries are 1..M-1.
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += np.float32(1.0)
    np.divide(np.float32(column.n_codes), x, out=x)
    x -= np.arange(1, column.n_codes, dtype=np.float32)[:, None]
    np.abs(x, out=x)
    worst: Floats = x.max(axis=0)
    return worst


def _plain_uS(column: HostColumn, error_uS: Floats, sum_uS: Floats) -> None:
    """Programs every step at its target and sums what each is off; overwrites both arrays."""
    # max(g + e, 0) - g = max(e, -g)
    np.maximum(error_uS, -column.g_target_uS[:, None], out=error_uS)
    for k in range(len(error_uS)):
        np.add(sum_uS[k], error_uS[k], out=sum_uS[k + 1])


def _ramp_aware_uS(column: HostColumn, error_uS: Floats, sum_uS: Floats) -> None:
    """Programs each step at what remains to its threshold."""
    for k, target_uS in enumerate(column.g_target_uS):
        g_uS, ahead_uS = error_uS[k], sum_uS[k]
        aim_uS = np.clip(target_uS - ahead_uS, column.g_min_uS, column.g_max_uS)
        g_uS += aim_uS
        np.maximum(g_uS, np.float32(0.0), out=g_uS)
        g_uS -= target_uS
        np.add(ahead_uS, g_uS, out=sum_uS[k + 1])
