"""A memristor technology: the range of its targets, its programming error, its read noise, its stuck cells.

Which clock each variation runs on: programming error is drawn once per programming event and then stays (static);
stuck cells once per device (static); read noise anew at every read (temporal, cycle-to-cycle). Relaxation, drift and
telegraph noise (slow) are left out here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

N_POWERS = 5  # a curve holds the powers 0..4 of the conductance, the highest of any published fit in the presets


class DeviceParams(NamedTuple):
    """The traced part of a device: all arrays, so that one compiled kernel serves every device."""

    g_min_uS: Float[Array, ""]  # smallest target
    g_max_uS: Float[Array, ""]  # largest target
    g_ceiling_uS: Float[Array, ""]  # physical ceiling of a realised conductance, inf where there is none
    bias_prog_uS: Float[Array, ""]  # mean shift of a programmed conductance (static, per programming event)
    sigma_prog_uS: Float[Array, " power"]  # programming error (static, per programming event): powers of g
    sigma_read_uS: Float[Array, " power"]  # read noise (temporal, at every read): powers of g
    stuck_off_prob: Float[Array, ""]  # chance that a device is stuck OFF (static, per device)
    stuck_on_prob: Float[Array, ""]  # chance that a device is stuck ON (static, per device)
    g_stuck_off_uS: Float[Array, ""]
    g_stuck_on_uS: Float[Array, ""]


@dataclass(frozen=True)
class Device:
    """A device on the host: float64 numbers, as a preset or a user's own file gives them.

    The curves `sigma_prog_uS` and `sigma_read_uS` are ascending coefficients of powers of g in µS.
    """

    name: str
    g_min_uS: float
    g_max_uS: float
    v_read_V: float
    sigma_prog_uS: tuple[float, ...]
    sigma_read_uS: tuple[float, ...] = (0.0,)
    bias_prog_uS: float = 0.0
    g_ceiling_uS: float = float("inf")
    stuck_off_prob: float = 0.0
    stuck_on_prob: float = 0.0
    g_stuck_off_uS: float = 0.0
    g_stuck_on_uS: float = 0.0

    @property
    def has_stuck_cells(self) -> bool:
        return self.stuck_off_prob > 0 or self.stuck_on_prob > 0

    def params(self) -> DeviceParams:
        """Returns the traced parameters in float32."""
        return DeviceParams(
            g_min_uS=jnp.float32(self.g_min_uS),
            g_max_uS=jnp.float32(self.g_max_uS),
            g_ceiling_uS=jnp.float32(self.g_ceiling_uS),
            bias_prog_uS=jnp.float32(self.bias_prog_uS),
            sigma_prog_uS=_padded(self.sigma_prog_uS),
            sigma_read_uS=_padded(self.sigma_read_uS),
            stuck_off_prob=jnp.float32(self.stuck_off_prob),
            stuck_on_prob=jnp.float32(self.stuck_on_prob),
            g_stuck_off_uS=jnp.float32(self.g_stuck_off_uS),
            g_stuck_on_uS=jnp.float32(self.g_stuck_on_uS),
        )


def _padded(coefficients: tuple[float, ...]) -> Float[Array, " power"]:
    return jnp.zeros(N_POWERS).at[: len(coefficients)].set(jnp.array(coefficients))


def sigma_at(curve_uS: Float[Array, " power"], g_uS: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Standard deviation at a conductance: sigma(g) = sum_i c_i g^i, by Horner's rule, never below 0 µS.

    Valid in the range of conductances for which the preset gives the fit; a realised conductance a little outside
    meets the polynomial's continuation, held at 0 from below.
    """
    sigma = jnp.zeros_like(g_uS)
    for power in reversed(range(curve_uS.shape[0])):
        sigma = sigma * g_uS + curve_uS[power]
    return jnp.maximum(sigma, 0.0)
