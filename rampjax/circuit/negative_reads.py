"""Reads that would fall below 0 µS: the read noise is taken as normal, whatever the conductance.

A conductance has no negative reads; where it is small against the noise, a normal one has them. Nothing is clipped:
the mean of many reads stays right, and the share of such reads says how far the distribution is from a real one.
"""

from typing import Final, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import special

from rampjax.circuit.design import Design
from rampjax.circuit.device import sigma_at
from rampjax.target.arithmetic import model_arithmetic

TELLING_SHARE: Final = 0.01  # of reads below 0 µS, above which it should be said


class NegativeRead(NamedTuple):
    """The step of a column whose device reads below 0 µS most often."""

    g_uS: float  # its target
    sigma_uS: float  # of its read noise
    share: float  # of its reads that a normal noise puts below 0 µS
    smallest: bool  # whether no step of the column has a smaller target


@model_arithmetic()
def worst_negative_read(design: Design) -> NegativeRead | None:
    """Returns the step that a normal read noise takes below 0 µS most often, P = Phi(-g / sigma_read(g)).

    Args:
        design: a column; each device of a step in parallel is read by itself.

    Returns:
        The step, None where even there it is at most `TELLING_SHARE` of reads.
    """
    g_uS = design.g_target_uS
    sigma_uS = np.asarray(sigma_at(design.device.params().sigma_read_uS, jnp.asarray(g_uS, jnp.float32)), float)
    share = np.where(sigma_uS > 0, special.ndtr(-g_uS / np.where(sigma_uS > 0, sigma_uS, 1.0)), 0.0)
    worst = int(np.argmax(share))
    if share[worst] <= TELLING_SHARE:
        return None
    smallest = bool(g_uS[worst] <= g_uS.min())
    return NegativeRead(float(g_uS[worst]), float(sigma_uS[worst]), float(share[worst]), smallest)
