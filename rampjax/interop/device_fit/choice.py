"""Chooses how mean, spread and relaxation depend on the conductance, by cross-validation.

Each candidate is fitted to all folds but one and judged by the likelihood of the one left out, folds of whole devices
where devices are named. The simplest is taken whose score is within one standard error of the best. Where there are
few targets, folds of devices cannot see a wiggle between them: a polynomial or power law must then also foretell whole
targets that were left out as well as a simpler one does. Lines between points invent nothing between them.

References:
    The rule of one standard error: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, 7.10.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.config.device_values import N_COEFFICIENTS
from rampjax.interop.device_fit.likelihood import Form, Problem
from rampjax.interop.device_fit.model import Model, evaluate, fit_model, without_relaxation
from rampjax.interop.device_fit.reads import read_curve
from rampjax.interop.device_fit.rows import Repeats
from rampjax.interop.device_fit.series import Floats, Integers, Series
from rampjax.interop.device_fit.shapes import Shape, polynomial, positive_polynomial

FORMS: Final = ("auto", "constant", "affine", "polynomial", "power-law", "monotone", "points")
N_FOLDS: Final = 5
MOST_LEVELS: Final = 40  # different targets up to which whole ones are left out
_MOST_KNOTS: Final = 9
_MOST_RELAX_DEGREE: Final = 4
_ROWS_PER_TERM: Final = 8
_ROWS_PER_KNOT: Final = 30
_MOST_EVENTS: Final = 12_000  # that choices are made by: more would take long, and choose the same


def shapes(form: str, u: Floats, zero_u: float, rising: bool) -> tuple[list[Shape], list[Shape]]:
    """The shapes that mean and spread may have, the simplest first.

    Args:
        form: one of `FORMS`.
        u: conductance of each event.
        zero_u: where the conductance is 0.
        rising: whether the spread rises with the conductance.

    Raises:
        InputError: too few different targets, or rows, for the form.
    """
    n_rows, n_targets = len(u), len(np.unique(u))
    highest = min(N_COEFFICIENTS - 1, n_targets - 1, max(n_rows // _ROWS_PER_TERM - 1, 0))
    powers = [polynomial(degree) for degree in range(highest + 1)]
    knots = _knots(u)
    lines = [Shape("points", knots_u=knots)] if len(knots) > 2 else []
    # At 0 µS a power law has no spread at all.
    law = [Shape("power law", zero_u=zero_u)] if n_targets > 2 and highest > 0 and u.min() > zero_u else []
    held = [Shape("monotone", knots_u=knots, direction=1 if rising else -1)] if lines else []
    found = {
        "auto": (powers + lines, powers[:2] + law + powers[2:3] + held + powers[3:4] + lines + powers[4:]),
        "constant": (powers[:1], powers[:1]),
        "affine": (powers[1:2], powers[1:2]),
        "polynomial": (powers[2:], powers[2:]),
        "power-law": (powers, law),
        "monotone": (powers + lines, held),
        "points": (lines, lines),
    }[form]
    if not all(found):
        needed = {"affine": 2, "constant": 1}.get(form, 3)
        rows = needed * (_ROWS_PER_KNOT if form in ("monotone", "points") else _ROWS_PER_TERM)
        raise InputError(
            f"the form `{form}` needs at least {needed} different targets{' above 0 µS' * (form == 'power-law')} and "
            f"{rows} rows, but {n_targets} and {n_rows} are there."
        )
    return found


def _knots(u: Floats) -> tuple[float, ...]:
    """Points between which lines are drawn: the targets where they are few, else so that each has enough rows."""
    levels, counts = np.unique(u, return_counts=True)
    if len(levels) <= _MOST_KNOTS and counts.min() >= _ROWS_PER_KNOT:
        return tuple(levels.tolist())
    n_knots = int(min(_MOST_KNOTS, len(u) // _ROWS_PER_KNOT, len(levels) // 2))
    if n_knots < 3:
        return ()
    knots = np.unique(np.quantile(u, np.linspace(0, 1, n_knots)))
    knots[[0, -1]] = u.min(), u.max()
    return tuple(knots.tolist()) if np.diff(knots).min(initial=2.0) > 1e-6 else ()


def choose_curves(series: Series, base: Form, candidates: tuple[list[Shape], list[Shape]], held: Model) -> Form:
    """Returns the form with the shapes of mean and spread chosen, first that of the mean.

    Args:
        series: what is observed; first reads are judged.
        base: which terms there are beside.
        candidates: shapes of mean and of spread.
        held: a fit, whose read noise and relaxation are taken out of the first reads.
    """
    first = relaxation_out(_some(series).first(), held)
    flat = without_relaxation(base)
    means, spreads = candidates
    rich = next((shape for shape in reversed(spreads) if shape.n_terms <= 3), spreads[0])
    forms = [replace(flat, mean=shape, sigma=rich) for shape in means]
    mean = _best(first, forms, held, _judged(means)).mean
    forms = [replace(flat, mean=mean, sigma=shape) for shape in spreads]
    return replace(base, mean=mean, sigma=_best(first, forms, held, _judged(spreads)).sigma)


def choose_relaxation(series: Series, form: Form, read: Floats | None, read_shape: Shape) -> Form:
    """Returns the form with the degrees chosen to which relaxation depends on the conductance.

    Args:
        series: what is observed.
        form: with its curves chosen.
        read: terms of the known read noise.
        read_shape: and its shape.
    """
    if not form.relaxes:
        return form
    some = _some(series)
    highest = min(_MOST_RELAX_DEGREE, len(np.unique(some.u)) - 1, max(some.n_events // (4 * _ROWS_PER_TERM) - 1, 0))
    degrees = [polynomial(degree) for degree in range(highest + 1)]
    # A mean that drifts apart looks like a spread: the mean comes first.
    forms = [replace(form, relax_mean=shape) for shape in degrees]
    form = _best(some, forms, None, [False] * len(forms), read, read_shape)
    forms = [replace(form, relax_sigma=positive_polynomial(degree)) for degree in range(highest + 1)]
    return _best(some, forms, None, [False] * len(forms), read, read_shape)


def _some(series: Series) -> Series:
    """A share of the events that is enough to choose by."""
    if series.n_events <= _MOST_EVENTS:
        return series
    chosen = np.zeros(series.n_events, dtype=bool)
    chosen[np.random.default_rng(0).permutation(series.n_events)[:_MOST_EVENTS]] = True
    return series.where(chosen)


def relaxation_out(first: Series, held: Model) -> Series:
    """First errors without the mean relaxation of a fit; its spread is known beside."""
    relaxed = held.mean_at(first.u, first.ln_t, first.aged) - held.form.mean.at(held.mean, first.u)
    return first.with_errors(first.y_uS - relaxed, held.relaxed_at(first.u, first.ln_t, first.aged) ** 2)


def _judged(candidates: Sequence[Shape]) -> list[bool]:
    """Which shapes can wiggle between targets."""
    return [shape.kind == "polynomial" or shape.kind == "power law" for shape in candidates]


def _best(
    series: Series,
    forms: Sequence[Form],
    held: Model | None,
    judged: Sequence[bool],
    read: Floats | None = None,
    read_shape: Shape | None = None,
) -> Form:
    if held is not None and held.read is not None:
        read, read_shape = held.read, held.read_shape
    if len(forms) == 1:
        return forms[0]
    fits = [fit_model(series, form, None, read, read_shape) for form in forms]
    sound = [index for index, model in enumerate(fits) if model.is_positive] or [0]
    judged = [judged[index] for index in sound]
    whole = [fits[index] for index in sound]
    levels = np.unique(series.u)
    if 2 < len(levels) <= MOST_LEVELS and any(judged):
        folds = _folds(np.searchsorted(levels, series.u), min(len(levels), 10))
        known = _scores(series, [model for model, one in zip(whole, judged, strict=True) if one], folds, near=False)
        allowed = iter(_allowed(known))
        whole = [model for model, one in zip(whole, judged, strict=True) if not one or next(allowed)]
    folds = _folds(series.cluster, N_FOLDS)
    if len(whole) == 1 or folds.max() < 1:
        return whole[0].form
    return whole[simplest(_scores(series, whole, folds))].form


def _scores(series: Series, whole: Sequence[Model], folds: Integers, near: bool = True) -> list[Floats]:
    """The log-likelihood of each cluster, with its fold left out of the fit, which goes on from that of all if `near`.

    What a part does not tell of a curve it would keep from there, as of a target that is left out.
    """
    found = []
    for one in whole:
        form, score = one.form, np.empty(series.n_events)
        known, start = (None if form.read else one.read), (one if near else None)
        for fold in range(int(folds.max()) + 1):
            out = folds == fold
            model = fit_model(series.where(~out), form, None, known, one.read_shape, start, thorough=not near)
            # The series of a part stand in the order in which they stand in the whole.
            left = Problem(series.where(out), form, None, model.read, model.read_shape)
            score[out] = evaluate(left, model).by_event
        found.append(np.asarray(np.bincount(series.cluster, score), np.float64))
    return found


def _allowed(scores: Sequence[Floats]) -> list[bool]:
    """Which candidates foretell whole targets as well as the best of the simpler ones, but for one standard error."""
    allowed: list[bool] = []
    best: Floats | None = None
    for score in scores:
        lost = np.zeros(1) if best is None else best - score
        sound = bool(np.isfinite(score).all() and lost.sum() <= np.sqrt(len(lost)) * lost.std())
        allowed.append(sound)
        if sound and (best is None or score.sum() > best.sum()):
            best = score
    return allowed if any(allowed) else [True] * len(allowed)


def simplest(scores: Sequence[Floats]) -> int:
    """The first of the candidates whose score is within one standard error of the best; the simplest stands first."""
    totals = [float(score.sum()) for score in scores]
    best = int(np.argmax(totals))
    for index, score in enumerate(scores):
        if not np.isfinite(totals[index]):
            continue
        lost = scores[best] - score
        if lost.sum() <= np.sqrt(len(lost)) * lost.std():
            return index
    return best


def choose_read(repeats: Repeats) -> tuple[Floats, Shape]:
    """Returns the read noise by repeated reads, its degree chosen alike: terms and shape."""
    n_levels = len(np.unique(repeats.u))
    highest = min(2, max(n_levels - 1, 0), max(len(repeats.u) // _ROWS_PER_TERM - 1, 0))
    folds = _folds(repeats.cluster, N_FOLDS)
    scores, found = [], []
    for shape in [polynomial(degree) for degree in range(highest + 1)]:
        terms = read_curve(repeats, shape)
        score = np.full(len(repeats.u), -np.inf)
        if shape.is_positive(terms):
            for fold in range(int(folds.max()) + 1):
                out = folds == fold
                left = terms if out.all() else read_curve(_part(repeats, ~out), shape)
                score[out] = _read_score(shape.at(left, repeats.u[out]), _part(repeats, out), repeats)
        scores.append(np.asarray(np.bincount(repeats.cluster, score), np.float64))
        found.append((terms, shape))
    return found[simplest(scores)]


def _part(repeats: Repeats, chosen: np.ndarray) -> Repeats:
    parts = (repeats.squares_uS2, repeats.freedom, repeats.u, repeats.cluster)
    return Repeats(*(part[chosen] for part in parts))


def _read_score(sigma_uS: Floats, part: Repeats, whole: Repeats) -> Floats:
    floor = 1e-6 * (float(np.sqrt(whole.squares_uS2.max())) or 1.0)
    variance = np.maximum(sigma_uS, floor) ** 2
    return np.asarray(-0.5 * (part.freedom * np.log(variance) + part.squares_uS2 / variance))


def _folds(cluster: Integers, most: int) -> Integers:
    present, place = np.unique(cluster, return_inverse=True)
    fold = np.arange(len(present)) % min(most, len(present))
    return np.asarray(np.random.default_rng(0).permutation(fold)[place])
