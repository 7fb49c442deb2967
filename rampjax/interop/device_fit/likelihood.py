"""The likelihood of the error model: a random walk that starts at programming and is read with noise.

An event's true error is e(t) = m(g) + r(g, t) + x(t): x starts with the variance sigma(g)² and gains S(g, t2)² - S(g,
t1)² between ages, by increments that are independent; each read adds noise of variance read(g)². Mean relaxation and
spread follow the one law of `circuit.ageing`, linear in L = ln(max(t, t0) / t0), both 0 at the age 0:
r = c0(g) + k(g) L, S = s0(g) + b(g) L. All is normal, so that a Kalman filter gives the exact likelihood; two reads
that share an error are not counted as two.

References:
    R. E. Kalman (1960), J. Basic Eng. 82, 35; likelihood by prediction errors: Schweppe (1965), IEEE Trans. Inf. Theory
    11, 61. Profile of the mean parameters: Rosenberg (1973), Ann. Econ. Soc. Meas. 2, 399. Scoring with
    expected information in the prediction errors: Harvey (1989), Forecasting, Structural Time Series Models, 3.4.
"""

from dataclasses import dataclass

import numpy as np

from rampjax.interop.device_fit.series import Floats, Series
from rampjax.interop.device_fit.shapes import Shape

FLOOR = 1e-6  # of the errors' size: the least standard deviation that is told from 0


@dataclass(frozen=True)
class Form:
    """Which terms the model has."""

    mean: Shape = Shape()
    sigma: Shape = Shape()
    relax_mean: Shape = Shape()  # of both its terms
    relax_sigma: Shape = Shape()
    shift: bool = False  # c0: there are fresh devices and aged ones
    slope: bool = False  # k: there are several ages
    spread: bool = False  # s0
    growth: bool = False  # b
    read: bool = False  # read noise is told by changes between ages alone

    @property
    def relaxes(self) -> bool:
        return self.shift or self.slope or self.spread or self.growth


@dataclass(frozen=True, eq=False)
class Spreads:
    """The terms that the variances are made of; an absent part is None. µS."""

    sigma: Floats
    relax_start: Floats | None = None  # s0
    relax_growth: Floats | None = None  # b
    read: Floats | None = None


@dataclass(frozen=True, eq=False)
class Filtered:
    """What the filter finds at given spreads."""

    log_likelihood: float  # weighted, at the likeliest means
    means: Floats  # the likeliest terms of the means
    by_event: Floats  # log-likelihood of each event, not weighted
    residual_uS: Floats  # prediction errors, one per read
    variance_uS2: Floats  # and their variances


def mean_design(series: Series, form: Form) -> Floats:
    """The derivative of each read's mean by the terms of the means: m, then c0, then k."""
    u = series.u[series.event]
    parts = [form.mean.basis(u)]
    if form.shift or form.slope:
        relax = form.relax_mean.basis(u)
        if form.shift:
            parts.append(relax * series.aged[:, None])
        if form.slope:
            parts.append(relax * (series.aged * series.ln_t)[:, None])
    return np.hstack(parts)


class Problem:
    """A form on some series, with what does not change while its terms do.

    Args:
        series: what is observed.
        form: of the model.
        weights: how often each event counts; None: once.
        read: a known read noise, terms of `read_shape`; None: none, or a free one (`form.read`).
        read_shape: how the read noise depends on the conductance.
    """

    def __init__(
        self,
        series: Series,
        form: Form,
        weights: Floats | None = None,
        read: Floats | None = None,
        read_shape: Shape | None = None,
    ) -> None:
        self.series, self.form = series, form
        self.weights = np.ones(series.n_events) if weights is None else weights
        self.design = mean_design(series, form)
        self.known_read = read
        self.read_shape = read_shape or Shape()
        self.floor_uS2 = (FLOOR * series.scale_uS) ** 2
        self._relax_basis = form.relax_sigma.basis(series.u)
        before_ln, before_aged = series.before
        # S² of a read and of the one before: aged (s0 + b L)².
        self._now = (series.aged, series.aged * series.ln_t)
        self._then = (before_aged, before_aged * before_ln)

    def reweighted(self, weights: Floats) -> "Problem":
        """The same with other weights of the events."""
        other = object.__new__(Problem)
        other.__dict__.update(self.__dict__)
        other.weights = weights
        return other

    def variances(self, spreads: Spreads, slopes: bool) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """What the filter is made of, each with its derivative by the free terms: start, gains, read noise.

        Returns:
            sigma² of each event, the gain before each read, the read variance of each read; and their derivatives, or
            empty arrays.
        """
        series, form = self.series, self.form
        u, event = series.u, series.event
        sigma, sigma_slope = form.sigma.value_and_slope(spreads.sigma, u)
        n_free = len(spreads.sigma) + sum(
            len(terms) for terms in (spreads.relax_start, spreads.relax_growth) if terms is not None
        )
        read_free = form.read and self.known_read is None and spreads.read is not None
        n_free += len(spreads.read) if read_free and spreads.read is not None else 0
        n_reads = len(series.y_uS)
        d_start = np.zeros((series.n_events, n_free if slopes else 0))
        d_gain = np.zeros((n_reads, n_free if slopes else 0))
        d_read = np.zeros((n_reads, n_free if slopes else 0))
        place = len(spreads.sigma)
        if slopes:
            d_start[:, :place] = 2 * sigma[:, None] * sigma_slope
        gain = np.zeros(n_reads)
        if spreads.relax_start is not None or spreads.relax_growth is not None:
            basis = self._relax_basis
            start = basis @ spreads.relax_start if spreads.relax_start is not None else np.zeros(series.n_events)
            growth = basis @ spreads.relax_growth if spreads.relax_growth is not None else np.zeros(series.n_events)
            start, growth = start[event], growth[event]
            now = self._now[0] * start + self._now[1] * growth
            then = self._then[0] * start + self._then[1] * growth
            gain = np.maximum(now**2 - then**2, 0.0)
            if slopes:
                for index, terms in enumerate((spreads.relax_start, spreads.relax_growth)):
                    if terms is None:
                        continue
                    slope = 2 * (now * self._now[index] - then * self._then[index])
                    d_gain[:, place : place + len(terms)] = slope[:, None] * basis[event]
                    place += len(terms)
        read = np.zeros(n_reads) if series.known_uS2 is None else series.known_uS2
        terms_read = self.known_read if self.known_read is not None else spreads.read
        if terms_read is not None:
            value, slope = self.read_shape.value_and_slope(terms_read, u)
            read = read + value[event] ** 2 / series.n
            if slopes and read_free:
                d_read[:, place:] = 2 * (value[:, None] * slope)[event] / series.n[:, None]
        return sigma**2, gain, read, d_start, d_gain, d_read

    def filter(self, spreads: Spreads, means: Floats | None = None) -> Filtered:
        """Runs the filter, and finds the likeliest means unless they are given."""
        start, gain, read, *_ = self.variances(spreads, False)
        series, slices = self.series, self.series.slices
        seen = np.column_stack([series.y_uS, self.design])
        errors, variance = np.empty_like(seen), np.empty(len(seen))
        spread, state = start, np.zeros((series.n_events, seen.shape[1]))
        for now in slices:
            length = now.stop - now.start
            spread, state = spread[:length] + gain[now], state[:length]
            total = spread + read[now] + self.floor_uS2
            errors[now] = seen[now] - state
            variance[now] = total
            share = spread / total
            state = state + share[:, None] * errors[now]
            spread = spread * (1.0 - share)
        y, design = errors[:, 0], errors[:, 1:]
        if means is None:
            weight = (self.weights[series.event] / variance)[:, None]
            normal = (design * weight).T
            means = np.asarray(np.linalg.lstsq(normal @ design, normal @ y, rcond=None)[0])
        residual = y - design @ means
        each = -0.5 * (np.log(2 * np.pi * variance) + residual**2 / variance)
        by_event = np.asarray(np.bincount(series.event, each, series.n_events), np.float64)
        return Filtered(float(self.weights @ by_event), means, by_event, residual, variance)

    def score(self, spreads: Spreads, found: Filtered) -> tuple[Floats, Floats]:
        """The gradient of the log-likelihood by the free terms of the spreads, and their expected information."""
        start, gain, read, d_start, d_gain, d_read = self.variances(spreads, True)
        series = self.series
        spread, d_spread = start, d_start
        d_state = np.zeros_like(d_start)
        d_residual, d_variance = np.empty_like(d_gain), np.empty_like(d_gain)
        for now in series.slices:
            length = now.stop - now.start
            spread, d_spread = spread[:length] + gain[now], d_spread[:length] + d_gain[now]
            total, d_total = spread + read[now] + self.floor_uS2, d_spread + d_read[now]
            share = spread / total
            d_share = (d_spread - share[:, None] * d_total) / total[:, None]
            d_residual[now] = -d_state[:length]
            d_variance[now] = d_total
            d_state = d_state[:length] * (1.0 - share)[:, None] + d_share * found.residual_uS[now][:, None]
            d_spread = d_spread * (1.0 - share)[:, None] - spread[:, None] * d_share
            spread = spread * (1.0 - share)
        weight = self.weights[series.event]
        z2 = found.residual_uS**2 / found.variance_uS2
        relative = d_variance / found.variance_uS2[:, None]
        score = 0.5 * relative.T @ (weight * (z2 - 1.0)) - d_residual.T @ (
            weight * found.residual_uS / found.variance_uS2
        )
        information = 0.5 * (relative * weight[:, None]).T @ relative
        information += (d_residual * (weight / found.variance_uS2)[:, None]).T @ d_residual
        return np.asarray(score), np.asarray(information)
