"""A memristor technology: the range of its targets, its programming error, its read noise, its stuck cells.

Which clock each variation runs on: programming error is drawn once per programming event and then stays (static);
stuck cells and temperature coefficients once per device (static); relaxation, drift and telegraph noise between
recalibrations (slow, see `circuit.ageing`); read noise anew at every read (temporal, cycle-to-cycle).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from rampjax.checks import InputError
from rampjax.circuit.blocks import SCHEME_FIGURES
from rampjax.circuit.cells import MeasuredCells
from rampjax.circuit.curve_params import (
    PowerLawParams,
    ShiftParams,
    SigmaParams,
    TableParams,
    curve_params,
    polynomial_at,
    power_law_at,
    shift_params,
    table_at,
)
from rampjax.circuit.curves import ShiftCurve, SigmaCurve, is_zero
from rampjax.circuit.quantile_params import QuantileParams, quantile_params
from rampjax.circuit.quantiles import AgedQuantiles, Quantiles
from rampjax.circuit.relaxation import DEFAULT_T0_S, LogTimeLaw


class FailedParams(NamedTuple):
    """The traced part of programming events that fail: how often, and how far from their targets they end."""

    prob: ShiftParams  # share of events: one for all, or a curve over the target
    bias_uS: ShiftParams  # their mean error
    sigma_uS: SigmaParams  # and its standard deviation


class DeviceParams(NamedTuple):
    """The traced part of a device: all arrays, so that one compiled kernel serves every device."""

    g_min_uS: Float[Array, ""]  # smallest target
    g_max_uS: Float[Array, ""]  # largest target
    g_ceiling_uS: Float[Array, ""]  # physical ceiling of a realised conductance, inf where there is none
    bias_prog_uS: ShiftParams  # mean shift (static, per programming event): one for all, or a curve over g
    sigma_prog_uS: SigmaParams  # programming error (static, per programming event): a curve over g
    sigma_read_uS: SigmaParams  # read noise (temporal, at every read): a curve over g
    stuck_off_prob: Float[Array, ""]  # chance that a device is stuck OFF (static, per device)
    stuck_on_prob: Float[Array, ""]  # chance that a device is stuck ON (static, per device)
    g_stuck_off_uS: Float[Array, ""]
    g_stuck_on_uS: Float[Array, ""]
    sigma_tc_rel_per_K: Float[Array, ""]  # temperature coefficient beside the common one (static, per device)
    error_quantiles: QuantileParams | None = None  # of the programming error over its sigma; None: normal
    g_step_uS: Float[Array, ""] | None = None  # distance of the distinguishable targets, from g_min; None: continuous
    failed: FailedParams | None = None  # None: no programming event fails
    t_read_ns: Float[Array, ""] | None = None  # duration of the read at which sigma_read holds; None where tau is
    tau_read_ns: Float[Array, ""] | None = None  # correlation time of the read noise; None: frozen within a pulse


@dataclass(frozen=True)
class WriteVerify:
    """A write-verify loop: when it stops, and how far each pulse moves a device. See `circuit.write_verify`.

    Some figures belong to one scheme (`SCHEME_FIGURES`): they are given with it, and only with it.

    Raises:
        InputError: a figure of the scheme is missing, or one of the other scheme is given.
    """

    scheme: Literal["pulses", "compliance"]
    tolerance_uS: float  # a read within plus and minus this of the target stops the loop
    max_pulses: int  # pulses after which it gives up; compliance: SETs (iterations), resets not counted
    spread_rel: float  # cycle-to-cycle spread of a step (and of the conductance after a reset), relative to it
    v_set_V: float
    v_reset_V: float  # magnitude
    t_write_ns: float  # duration of one pulse
    spread_uS: float = 0.0  # cycle-to-cycle spread of a step, beside the relative one
    readout_mean_uS: float = 0.0  # what the published error has beyond the window, readout and relaxation: its mean
    readout_sigma_uS: float = 0.0  # and its standard deviation
    set_uS: float | None = None  # mean SET step of a device at 0 µS; falls linearly to 0 at the bound
    reset_uS: float | None = None  # mean RESET step of a device at the bound; falls linearly to 0 at 0 µS
    bound_uS: float | None = None  # soft bound of the conductance, above g_max
    g_reset_uS: float | None = None  # mean conductance after a reset
    gain_per_V: float | None = None  # mean raise of conductance per raise of compliance current, µS/µA
    factor_V: float | None = None  # raise of compliance current per missing conductance, µA/µS
    late_factor_V: float | None = None  # the same after the early iterations
    n_early: int | None = None  # iterations with the first factor

    def __post_init__(self) -> None:
        for scheme, names in SCHEME_FIGURES.items():
            for name in names:
                if (getattr(self, name) is None) == (scheme == self.scheme):
                    wanted = "needed by" if scheme == self.scheme else "not one of"
                    raise InputError(f"`{name}` is {wanted} the write-verify scheme `{self.scheme}`.")


@dataclass(frozen=True)
class Device:
    """A device on the host: float64 numbers, as a preset or a user's own file gives them.

    Some programming events may fail, so that the whole error is a mixture: `failed_prob` of the events have the mean
    `failed_bias_uS` and the spread `failed_sigma_uS`, the others `bias_prog_uS` and `sigma_prog_uS`.

    The curves `sigma_prog_uS` and `sigma_read_uS` are ascending coefficients of powers of g in µS, a power law or a
    table. Relaxation is a law of the logarithm of the age, see `circuit.relaxation`.
    """

    name: str
    g_min_uS: float
    g_max_uS: float
    v_read_V: float
    sigma_prog_uS: SigmaCurve
    sigma_read_uS: SigmaCurve = (0.0,)
    t_read_ns: float | None = None  # duration of the read at which sigma_read holds; absent: not known
    tau_read_ns: float | None = None  # correlation time of the read noise; absent: frozen within a pulse, 0: white
    bias_prog_uS: ShiftCurve = 0.0  # one number, or a curve
    failed_prob: ShiftCurve = 0.0  # share of programming events that fail, or a curve; plain mode
    failed_bias_uS: ShiftCurve = 0.0  # mean error of those, or a curve
    failed_sigma_uS: SigmaCurve = (0.0,)  # and its standard deviation
    error_quantiles: Quantiles = ()  # of the error over its sigma, evenly spaced in probability; empty: normal
    g_ceiling_uS: float = float("inf")
    stuck_off_prob: float = 0.0
    stuck_on_prob: float = 0.0
    g_stuck_off_uS: float = 0.0
    g_stuck_on_uS: float = 0.0
    n_levels: int | None = None  # distinguishable targets, evenly spaced from g_min to g_max; absent: any
    nonlinearity_per_V2: float = 0.0  # i = g v (1 + beta v^2) / (1 + beta v_read^2) (static, the same in all)
    tc_rel_per_K: float = 0.0  # temperature coefficient common to all devices (static)
    sigma_tc_rel_per_K: float = 0.0  # and what differs from device to device (static, per device)
    relax_mean_uS: LogTimeLaw = (0.0, 0.0)  # mean shift since programming (slow)
    relax_sigma_uS: LogTimeLaw = (0.0, 0.0)  # spread of the shift (slow, per device)
    relax_t0_s: float = DEFAULT_T0_S  # age at which both laws begin: a younger device is taken as this old
    relax_quantiles: Quantiles | AgedQuantiles = ()  # of a shift over its spread, for all ages or by the age
    aged_sigma_uS: tuple[tuple[float, tuple[float, ...]], ...] = ()  # (age in s, curve): whole spread at an age (slow)
    sigma_slow_uS: SigmaCurve = (0.0,)  # slow part of the read noise, per root e-fold of time constants (slow)
    slow_t_lo_s: float | None = None  # its shortest time constant: the duration of a measurement
    slow_t_hi_s: float | None = None  # its longest time constant
    drift_nu: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # a, b, low, high: nu = clip(a ln(g/g_max) + b)
    sigma_drift_nu: float | tuple[float, float, float, float] = 0.0  # spread of nu (slow, per device), or as drift_nu
    drift_t0_s: float = 1.0  # g(t) = g (t / t0)^-nu
    rtn_prob: float = 0.0  # share of devices with telegraph noise
    rtn_amplitude_rel: float = 0.0  # distance of its two levels, relative to g
    rtn_tau_s: float = 1.0  # mean time that it stays in a level
    write: WriteVerify | None = None  # absent: the device has plain programming only
    cells: MeasuredCells | None = None  # measured cells that stand in place of its errors and its ageing; absent: laws

    @property
    def g_step_uS(self) -> float:
        """Distance of neighbouring targets that can be told apart; 0 where any can."""
        return (self.g_max_uS - self.g_min_uS) / (self.n_levels - 1) if self.n_levels else 0.0

    @property
    def has_stuck_cells(self) -> bool:
        return self.stuck_off_prob > 0 or self.stuck_on_prob > 0

    @property
    def can_fail(self) -> bool:
        """Whether some programming events miss their targets by more than the others, in plain mode."""
        return not is_zero(self.failed_prob)

    @property
    def relaxes(self) -> bool:
        """Whether it follows a law of relaxation."""
        return not is_zero((self.relax_mean_uS, self.relax_sigma_uS))

    @property
    def spreads(self) -> bool:
        """Whether devices move apart with time, by that law or by published spreads at several ages."""
        return not is_zero(self.relax_sigma_uS) or bool(self.aged_sigma_uS)

    @property
    def ages(self) -> bool:
        """Whether anything about it changes with time."""
        drifts = not is_zero((self.drift_nu, self.sigma_drift_nu))
        moves = self.relaxes or bool(self.aged_sigma_uS) or drifts
        return self.cells is not None or moves or (self.rtn_prob > 0 and self.rtn_amplitude_rel > 0)

    def params(self) -> DeviceParams:
        """Returns the traced parameters in float32."""
        fails = FailedParams(
            shift_params(self.failed_prob), shift_params(self.failed_bias_uS), curve_params(self.failed_sigma_uS)
        )
        return DeviceParams(
            g_min_uS=jnp.float32(self.g_min_uS),
            g_max_uS=jnp.float32(self.g_max_uS),
            g_ceiling_uS=jnp.float32(self.g_ceiling_uS),
            bias_prog_uS=shift_params(self.bias_prog_uS),
            sigma_prog_uS=curve_params(self.sigma_prog_uS),
            sigma_read_uS=curve_params(self.sigma_read_uS),
            stuck_off_prob=jnp.float32(self.stuck_off_prob),
            stuck_on_prob=jnp.float32(self.stuck_on_prob),
            g_stuck_off_uS=jnp.float32(self.g_stuck_off_uS),
            g_stuck_on_uS=jnp.float32(self.g_stuck_on_uS),
            sigma_tc_rel_per_K=jnp.float32(self.sigma_tc_rel_per_K),
            error_quantiles=quantile_params(self.error_quantiles),
            g_step_uS=jnp.float32(self.g_step_uS) if self.n_levels else None,
            failed=fails if self.can_fail else None,
            t_read_ns=None if self.tau_read_ns is None else jnp.float32(self.t_read_ns),
            tau_read_ns=None if self.tau_read_ns is None else jnp.float32(self.tau_read_ns),
        )


def sigma_at(curve_uS: SigmaParams, g_uS: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Standard deviation at a conductance, by the curve's form: polynomial, power law or table; never below 0 µS.

    Valid in the range of conductances for which the preset gives the fit; a realised conductance a little outside
    meets the polynomial's continuation, held at 0 from below.
    """
    if isinstance(curve_uS, PowerLawParams):
        return power_law_at(curve_uS, g_uS)
    if isinstance(curve_uS, TableParams):
        return table_at(curve_uS, g_uS)
    return jnp.maximum(polynomial_at(curve_uS, g_uS), 0.0)


def shift_at(shift_uS: ShiftParams, g_uS: Float[Array, "*shape"]) -> Float[Array, ""] | Float[Array, "*shape"]:
    """Mean shift or share at a conductance: one number, a table, or m(g) = sum_i c_i g^i by Horner's rule."""
    if isinstance(shift_uS, TableParams):
        return table_at(shift_uS, g_uS)
    return shift_uS if shift_uS.ndim == 0 else polynomial_at(shift_uS, g_uS)
