"""A device as its file states it: every figure with its value, how sure it is, and its source, checked together."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from rampjax.checks import InputError
from rampjax.circuit.blocks import SCHEME_FIGURES
from rampjax.circuit.curves import is_zero
from rampjax.circuit.device_faults import failed_fault, read_fault, relaxation_fault, slow_noise_fault
from rampjax.circuit.relaxation import DEFAULT_T0_S
from rampjax.config.cells_section import CellsConfig, with_stand_ins
from rampjax.config.device_ageing import AgedCurves, DriftExponent, DriftSpread, LogTime
from rampjax.config.device_error import ErrorCurve, FreshQuantiles, Quantiles, ShareCurve, Shift
from rampjax.config.device_fields import WRITE
from rampjax.config.device_values import (
    CountValue,
    Curve,
    LevelsValue,
    NonNegativeValue,
    PositiveValue,
    ShareValue,
    Value,
    WholeValue,
    Word,
)
from rampjax.config.toml_file import Frozen, Text, place

Figure = Value | Word | Curve | ErrorCurve | Quantiles | LogTime | AgedCurves | DriftExponent | DriftSpread


class WriteConfig(Frozen):
    """The table [write]: how write-verify moves this device. Its fields are those of `circuit.device.WriteVerify`."""

    scheme: Word
    tolerance_uS: PositiveValue
    max_pulses: CountValue
    spread_rel: NonNegativeValue
    v_set_V: PositiveValue
    v_reset_V: PositiveValue
    t_write_ns: PositiveValue
    spread_uS: NonNegativeValue | None = None
    readout_mean_uS: Value | None = None
    readout_sigma_uS: NonNegativeValue | None = None
    set_uS: PositiveValue | None = None
    reset_uS: PositiveValue | None = None
    bound_uS: PositiveValue | None = None
    g_reset_uS: PositiveValue | None = None
    gain_per_V: PositiveValue | None = None
    factor_V: PositiveValue | None = None
    late_factor_V: PositiveValue | None = None
    n_early: WholeValue | None = None

    @model_validator(mode="after")
    def _of_its_scheme(self) -> Self:
        own = self.scheme.value
        for scheme, names in SCHEME_FIGURES.items():
            for name in names:
                given = getattr(self, name) is not None
                if scheme == own and not given:
                    raise InputError(f"`write.{name}` is missing, expected beside the scheme `{own}` of write-verify.")
                if scheme != own and given:
                    raise InputError(f"`write.{name}` has no effect in the scheme `{own}`, expected `{scheme}`.")
        return self


class DeviceConfig(Frozen):
    """A device; `FIELDS` says what each figure means. What is absent is off, or no limit."""

    name: Text
    title: Text = Field(description="text that names the device")
    g_min_uS: NonNegativeValue
    g_max_uS: PositiveValue
    g_ceiling_uS: PositiveValue | None = None
    n_levels: LevelsValue | None = None
    bias_prog_uS: Shift
    sigma_prog_uS: Curve
    error_quantiles: FreshQuantiles | None = None
    failed_prob: ShareCurve | None = None
    failed_bias_uS: Shift | None = None
    failed_sigma_uS: Curve | None = None
    sigma_read_uS: Curve
    t_read_ns: PositiveValue | None = None
    tau_read_ns: NonNegativeValue | None = None
    stuck_off_prob: ShareValue
    stuck_on_prob: ShareValue
    g_stuck_off_uS: NonNegativeValue
    g_stuck_on_uS: NonNegativeValue
    v_read_V: PositiveValue
    nonlinearity_per_V2: Value | None = None
    tc_rel_per_K: Value | None = None
    sigma_tc_rel_per_K: NonNegativeValue | None = None
    relax_mean_uS: LogTime | None = None
    relax_sigma_uS: LogTime | None = None
    relax_t0_s: PositiveValue | None = None
    relax_quantiles: Quantiles | None = None
    aged_sigma_uS: AgedCurves | None = None
    sigma_slow_uS: Curve | None = None
    slow_t_lo_s: PositiveValue | None = None
    slow_t_hi_s: PositiveValue | None = None
    drift_nu: DriftExponent | None = None
    sigma_drift_nu: DriftSpread | None = None
    drift_t0_s: PositiveValue | None = None
    rtn_prob: ShareValue | None = None
    rtn_amplitude_rel: NonNegativeValue | None = None
    rtn_tau_s: PositiveValue | None = None
    write: WriteConfig | None = None
    cells: CellsConfig | None = None
    folder: Path | None = Field(default=None, exclude=True)  # of a user's own device file

    def figure(self, key: str) -> Figure | None:
        """Returns the figure of a key of `FIELDS`, None where it is absent."""
        if not key.startswith(WRITE):
            found: Figure | None = getattr(self, key)
            return found
        return None if self.write is None else getattr(self.write, key.removeprefix(WRITE))

    @property
    def read_noise_unknown(self) -> bool:
        """Whether nobody knows the read noise: it is taken as 0, which is assumed, and no slow part says more."""
        unsaid = self.sigma_slow_uS is None or is_zero(self.sigma_slow_uS.numbers)
        return unsaid and self.sigma_read_uS.certainty == "assumed" and is_zero(self.sigma_read_uS.numbers)

    @model_validator(mode="before")
    @classmethod
    def _laws_or_cells(cls, data: Any) -> Any:
        return with_stand_ins(data)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low, high = self.g_min_uS.value, self.g_max_uS.value
        if not low < high:
            raise InputError(f"`g_min_uS` must be below `g_max_uS`, but they are {low:g} and {high:g}.")
        if self.g_ceiling_uS is not None and self.g_ceiling_uS.value < high:
            raise InputError(
                f"`g_ceiling_uS` must be at least `g_max_uS` ({high:g} µS), but is {self.g_ceiling_uS.value:g}."
            )
        if self.stuck_off_prob.value + self.stuck_on_prob.value > 1.0:
            raise InputError("`stuck_off_prob` and `stuck_on_prob` must add up to at most 1.")
        off, on = self.g_stuck_off_uS.value, self.g_stuck_on_uS.value
        if off > on:
            raise InputError(f"`g_stuck_off_uS` must not be above `g_stuck_on_uS`, but they are {off:g} and {on:g}.")
        _check_valid("bias_prog_uS", self.bias_prog_uS, low, high)
        _check_curve("sigma_prog_uS", self.sigma_prog_uS, low, high)
        _check_curve("sigma_read_uS", self.sigma_read_uS, low, high)
        self._check_failed(low, high)
        self._check_relaxation(low, high)
        self._check_noise(low, high)
        self._check_aged(low, high)
        return self

    def _check_failed(self, low_uS: float, high_uS: float) -> None:
        share = self.failed_prob
        if self.failed_bias_uS is not None:
            _check_valid("failed_bias_uS", self.failed_bias_uS, low_uS, high_uS)
        if self.failed_sigma_uS is not None:
            _check_curve("failed_sigma_uS", self.failed_sigma_uS, low_uS, high_uS)
        if share is None:
            return
        _check_valid("failed_prob", share, low_uS, high_uS)
        fault = failed_fault(share.numbers, low_uS, high_uS)
        if fault is None and not is_zero(share.numbers) and self.failed_sigma_uS is None:
            fault = "`failed_prob` needs `failed_sigma_uS`, the spread of the conductances that are missed."
        if fault:
            raise InputError(fault)

    def _check_relaxation(self, low_uS: float, high_uS: float) -> None:
        for key, law in (("relax_mean_uS", self.relax_mean_uS), ("relax_sigma_uS", self.relax_sigma_uS)):
            if law is not None:
                _check_valid(key, law, low_uS, high_uS)
        if self.relax_sigma_uS is not None:
            t0_s = DEFAULT_T0_S if self.relax_t0_s is None else self.relax_t0_s.value
            fault = relaxation_fault(self.relax_sigma_uS.numbers, t0_s, low_uS, high_uS)
            if fault:
                raise InputError(fault)

    def _check_noise(self, low_uS: float, high_uS: float) -> None:
        fault = read_fault(_value(self.t_read_ns), _value(self.tau_read_ns))
        if fault is None and self.sigma_slow_uS is not None:
            _check_curve("sigma_slow_uS", self.sigma_slow_uS, low_uS, high_uS)
            relaxes = self.relax_sigma_uS is not None and not is_zero(self.relax_sigma_uS.numbers)
            spreads = {"relax_sigma_uS": relaxes, "aged_sigma_uS": self.aged_sigma_uS is not None}
            contained_in = next((key for key, given in spreads.items() if given), None)
            times = (_value(self.slow_t_lo_s), _value(self.slow_t_hi_s))
            fault = slow_noise_fault(self.sigma_slow_uS.numbers, *times, contained_in)
        if fault:
            raise InputError(fault)

    def _check_aged(self, low_uS: float, high_uS: float) -> None:
        aged = self.aged_sigma_uS
        if aged is None:
            return
        if self.relax_sigma_uS is not None:
            raise InputError(
                "`aged_sigma_uS` and `relax_sigma_uS` both say how the spread grows, expected one of the two."
            )
        for age_s, curve in zip(aged.ages_s, aged.curves(), strict=True):
            _check_curve(f"aged_sigma_uS at {age_s:g} s", curve, low_uS, high_uS)
        first, fresh = aged.curves()[0].coefficients_uS(), self.sigma_prog_uS.numbers
        if not (isinstance(fresh, tuple) and np.allclose(first, fresh, rtol=1e-9, atol=0.0)):
            raise InputError(
                f"`aged_sigma_uS` must begin with the curve of `sigma_prog_uS` ({self.sigma_prog_uS.text}), "
                f"but begins with {aged.text.partition(': ')[2].partition(';')[0]}."
            )


def _value(figure: Value | None) -> float | None:
    return None if figure is None else figure.value


def check_loop(device: DeviceConfig, where: str = "") -> None:
    """Raises InputError unless write-verify can reach every target; `where` is the file."""
    bound = None if device.write is None else device.write.bound_uS
    g_max_uS = device.g_max_uS.value
    if bound is not None and bound.value <= g_max_uS:
        raise InputError(
            f"{place(where)}`write.bound_uS` must be above `g_max_uS` ({g_max_uS:g} µS), but is {bound.value:g}."
        )


def _check_curve(key: str, curve: Curve, low_uS: float, high_uS: float) -> None:
    """Raises InputError unless the curve is valid and not negative over the range of targets."""
    _check_valid(key, curve, low_uS, high_uS)
    g_uS, sigma_uS = curve.minimum_uS(low_uS, high_uS)
    if sigma_uS < 0.0:
        raise InputError(
            f"`{key}` must be at least 0 for every target from {low_uS:g} to {high_uS:g} µS,"
            f" but is {sigma_uS:.3g} µS at {g_uS:.4g} µS."
        )


def _check_valid(key: str, curve: Curve | ErrorCurve | LogTime, low_uS: float, high_uS: float) -> None:
    """Raises InputError unless the range in which a fit was made holds all targets."""
    if curve.valid_uS is not None:
        valid_low, valid_high = curve.valid_uS
        if not valid_low <= low_uS < high_uS <= valid_high:
            raise InputError(
                f"`{key}` is valid from {valid_low:g} to {valid_high:g} µS, but the targets"
                f" (`g_min_uS` to `g_max_uS`) go from {low_uS:g} to {high_uS:g} µS."
            )
