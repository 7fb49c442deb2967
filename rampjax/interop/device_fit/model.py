"""The error model that is fitted to measured devices, and its maximum likelihood.

What is observed of each programming event: its first error y = m(g) + r(t) + e, and how the error changed from one age
to the next. All are independent and normal, with the variances

    first error:   sigma(g)² + S(t)² + read(g)² / n
    change:        S(t2)² - S(t1)² + read(g)² (1/n1 + 1/n2)

m and sigma are polynomials of the conductance; r(t) = c + k ln t and S(t) = a + b ln t are the mean and the spread of
relaxation, t in s, both 0 at the age 0, as in `circuit.ageing`. A change shares a read with its neighbours, which is
neglected (a composite likelihood).

References:
    Fisher scoring of mean and variance: Smyth (1989), J. R. Stat. Soc. B 51, 47.
    Composite likelihoods: Varin, Reid and Firth (2011), Statistica Sinica 21, 5.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]
MAX_STEPS, _QUICK_STEPS = 60, 3
_ROUNDS = 8  # of curves and relaxation in turn
TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class Observations:
    """First errors, and changes, one row each."""

    u: Floats  # conductance, from -1 to 1 over the measured targets
    y_uS: Floats  # the error, or its change
    first: Floats  # 1 for an error, 0 for a change
    ln_t: Floats  # ln of the age in s, at least 0
    ln_before: Floats  # that of the age before, of a change
    aged: Floats  # 1 where the age is above 0
    aged_before: Floats  # the same of the age before, 0 for an error
    reads: Floats  # 1/n of an error, 1/n1 + 1/n2 of a change
    cluster: NDArray[np.intp]  # which device, or event, it belongs to

    def where(self, chosen: NDArray[np.bool_]) -> "Observations":
        return Observations(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Form:
    """Which parameters the model has."""

    mean_degree: int
    sigma_degree: int
    shift: bool = False  # c: there are fresh devices and aged ones
    slope: bool = False  # k: there are several ages
    spread: bool = False  # a
    growth: bool = False  # b
    read: bool = False  # read noise is told by changes alone


@dataclass(frozen=True, eq=False)
class Model:
    """Fitted parameters. Curves are coefficients of ascending powers of `u`."""

    mean: Floats
    sigma: Floats
    relax_mean: tuple[float, float] = (0.0, 0.0)
    relax_sigma: tuple[float, float] = (0.0, 0.0)
    read: Floats | None = None

    def mean_at(self, seen: Observations) -> Floats:
        """The mean of each observation, µS."""
        c, k = self.relax_mean
        shift = c * (seen.aged - seen.aged_before) + k * (seen.ln_t * seen.aged - seen.ln_before * seen.aged_before)
        mean: Floats = seen.first * curve_at(self.mean, seen.u) + shift
        return mean

    def extra_uS2(self, seen: Observations) -> Floats:
        """The variance of each observation beside the programming error, µS²."""
        a, b = self.relax_sigma
        spread = seen.aged * (a + b * seen.ln_t) ** 2 - seen.aged_before * (a + b * seen.ln_before) ** 2
        read = np.zeros(len(seen.u)) if self.read is None else np.maximum(curve_at(self.read, seen.u), 0.0) ** 2
        return np.asarray(np.maximum(spread, 0.0) + read * seen.reads)

    def variance_uS2(self, seen: Observations) -> Floats:
        """The whole variance of each observation, µS²."""
        programmed = np.maximum(curve_at(self.sigma, seen.u), 0.0) ** 2
        return np.asarray(seen.first * programmed + self.extra_uS2(seen))


def curve_at(coefficients: Floats, u: Floats) -> Floats:
    """A polynomial of ascending powers of u."""
    return np.asarray(Polynomial(coefficients)(u))


def log_likelihood(model: Model, seen: Observations, floor_uS: float) -> Floats:
    """The logarithm of the density of each observation."""
    variance = np.maximum(model.variance_uS2(seen), floor_uS**2)
    return np.asarray(-0.5 * (np.log(2 * np.pi * variance) + (seen.y_uS - model.mean_at(seen)) ** 2 / variance))


def fit_model(
    seen: Observations,
    form: Form,
    weights: Floats | None = None,
    read: Floats | None = None,
    start: Model | None = None,
    quick: bool = False,
) -> Model:
    """Returns the parameters of the largest likelihood.

    Args:
        seen: the observations.
        form: which parameters there are.
        weights: how often each observation counts; None: once.
        read: the curve of the read noise where it is known, powers of u.
        start: where to begin.
        quick: a few steps of Fisher scoring only, near the solution already.
    """
    weights = np.ones(len(seen.u)) if weights is None else weights
    if start is None:
        scale = float(np.sqrt(np.average(_centred(seen.y_uS, weights) ** 2, weights=weights)))
        start = Model(np.zeros(form.mean_degree + 1), np.eye(form.sigma_degree + 1)[0] * scale)
        if form.growth or form.spread:
            start = replace(start, relax_sigma=(0.2 * scale * form.spread, 0.05 * scale * form.growth))
    model = replace(start, read=read if read is not None else start.read)
    if form.read and model.read is None:
        model = replace(model, read=np.array([0.2 * abs(model.sigma[0])]))
    free_read = form.read and read is None
    if not (form.spread or form.growth or free_read):
        return _fit_curves(seen, form, weights, model, quick)
    if quick and max(model.relax_sigma) > 1e-3 * float(np.abs(model.sigma).max()):
        return _fit_curves(seen, form, weights, _step_slow(seen, form, weights, model, free_read), quick)
    model = _fit_curves(seen, form, weights, model)
    for _ in range(1 if quick else _ROUNDS):
        before = _flat(model)
        model = _fit_curves(seen, form, weights, _fit_slow(seen, form, weights, model, free_read))
        if np.allclose(_flat(model), before, rtol=1e-4, atol=1e-12):
            break
    return model


def _centred(values: Floats, weights: Floats) -> Floats:
    return np.asarray(values - np.average(values, weights=weights))


def _flat(model: Model) -> Floats:
    read = np.zeros(0) if model.read is None else model.read
    return np.concatenate([model.mean, model.sigma, model.relax_mean, model.relax_sigma, read])


def _fit_curves(seen: Observations, form: Form, weights: Floats, model: Model, quick: bool = False) -> Model:
    """Means by weighted least squares and sigma by Fisher scoring, in turn."""
    powers = np.arange(form.mean_degree + 1)
    columns = [seen.first[:, None] * seen.u[:, None] ** powers]
    if form.shift:
        columns.append((seen.aged - seen.aged_before)[:, None])
    if form.slope:
        columns.append((seen.ln_t * seen.aged - seen.ln_before * seen.aged_before)[:, None])
    design = np.hstack(columns)
    basis = seen.u[:, None] ** np.arange(form.sigma_degree + 1)
    extra = model.extra_uS2(seen)
    floor = 1e-6 * (float(np.abs(seen.y_uS).max()) or 1.0)
    sigma = model.sigma
    for _ in range(_QUICK_STEPS if quick else MAX_STEPS):
        at = np.maximum(basis @ sigma, floor)
        variance = seen.first * at**2 + extra + floor**2
        terms = least_squares(design, seen.y_uS, weights / variance)
        residual = seen.y_uS - design @ terms
        # Where other variance hides sigma, a step by its own small slope would be far too long.
        slope = 2.0 * np.maximum(at, 0.1 * np.sqrt(variance)) * seen.first
        wanted = seen.first * at + (residual**2 - variance) / np.maximum(slope, floor) * (slope > 0)
        new = least_squares(basis, wanted, weights * seen.first * slope**2 / variance**2)
        change = np.abs(basis @ (new - sigma)).max()
        sigma = new
        if change <= TOLERANCE * max(float(np.abs(at).max()), floor):
            break
    n = form.mean_degree + 1
    c = float(terms[n]) if form.shift else 0.0
    k = float(terms[-1]) if form.slope else 0.0
    if form.sigma_degree == 0:
        sigma = np.maximum(sigma, 0.0)
    return replace(model, mean=terms[:n], sigma=sigma, relax_mean=(c, k))


def least_squares(design: Floats, wanted: Floats, weights: Floats) -> Floats:
    """Weighted least squares by the normal equations."""
    weighted = design * weights[:, None]
    return np.asarray(np.linalg.lstsq(weighted.T @ design, weighted.T @ wanted, rcond=None)[0])


def _fit_slow(seen: Observations, form: Form, weights: Floats, model: Model, free_read: bool) -> Model:
    """The spread of relaxation (and the read noise, where only changes tell it), the curves held."""
    floor = 1e-6 * (float(np.abs(seen.y_uS).max()) or 1.0)
    scale = float(np.abs(model.sigma).max()) or floor

    def unpack(values: Floats) -> Model:
        rest = list(values * scale)
        a = rest.pop(0) if form.spread else 0.0
        b = rest.pop(0) if form.growth else 0.0
        read = np.array([rest.pop(0)]) if free_read else model.read
        return replace(model, relax_sigma=(float(a), float(b)), read=read)

    def cost(values: Floats) -> float:
        return -float(weights @ log_likelihood(unpack(values), seen, floor)) / len(weights)

    held = [model.relax_sigma[0]] * form.spread + [model.relax_sigma[1]] * form.growth
    held += [float(model.read[0])] * free_read if model.read is not None else []
    start = np.maximum(np.array(held) / scale, 1e-3)
    found = optimize.minimize(cost, start, method="L-BFGS-B", bounds=[(0.0, None)] * len(start))
    return unpack(found.x)


def _step_slow(seen: Observations, form: Form, weights: Floats, model: Model, free_read: bool) -> Model:
    """One step of Fisher scoring of the spread of relaxation, kept at 0 or above."""
    a, b = model.relax_sigma
    now, before = seen.aged * (a + b * seen.ln_t), seen.aged_before * (a + b * seen.ln_before)
    held, slopes = [], []
    if form.spread:
        held.append(a)
        slopes.append(2 * (now - before))
    if form.growth:
        held.append(b)
        slopes.append(2 * (now * seen.ln_t - before * seen.ln_before))
    if free_read and model.read is not None:
        held.append(float(model.read[0]))
        slopes.append(2 * max(held[-1], 1e-3 * float(np.abs(model.sigma).max())) * seen.reads)
    floor = 1e-6 * (float(np.abs(seen.y_uS).max()) or 1.0)
    variance = model.variance_uS2(seen) + floor**2
    squares = (seen.y_uS - model.mean_at(seen)) ** 2
    step = least_squares(np.stack(slopes, axis=1), squares - variance, weights / variance**2)
    values = np.maximum(np.array(held) + step, 0.0).tolist()
    read = np.array([values.pop()]) if free_read and model.read is not None else model.read
    a = values.pop(0) if form.spread else 0.0
    b = values.pop(0) if form.growth else 0.0
    return replace(model, relax_sigma=(a, b), read=read)
