"""Chooses how mean and spread of the error depend on the conductance, by cross-validation.

Each candidate is fitted to all folds but one and judged by the likelihood of the one left out, folds of whole devices
where devices are named. The simplest is taken whose score is within one standard error of the best.

References:
    The rule of one standard error: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, 7.10.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from rampjax.checks import InputError
from rampjax.config.device_values import N_COEFFICIENTS
from rampjax.interop.device_fit.model import (
    Floats,
    Form,
    Model,
    Observations,
    curve_at,
    fit_model,
    log_likelihood,
)
from rampjax.interop.device_fit.reads import read_curve
from rampjax.interop.device_fit.rows import Repeats

FORMS: Final = ("auto", "constant", "affine", "polynomial")
N_FOLDS: Final = 5
_ROWS_PER_TERM = 8
_U = np.linspace(-1, 1, 401)


def degrees(form: str, n_targets: int, n_rows: int) -> Sequence[int]:
    """The degrees that may be chosen.

    Args:
        form: one of `FORMS`.
        n_targets: different targets.
        n_rows: observations.

    Raises:
        InputError: too few different targets for the form.
    """
    highest = min(N_COEFFICIENTS - 1, n_targets - 1, max(n_rows // _ROWS_PER_TERM - 1, 0))
    wanted = {
        "auto": range(N_COEFFICIENTS),
        "constant": range(1),
        "affine": range(1, 2),
        "polynomial": range(2, N_COEFFICIENTS),
    }[form]
    found = [degree for degree in wanted if degree <= highest]
    if not found:
        needed = wanted[0] + 1
        raise InputError(
            f"the form `{form}` needs at least {needed} different targets and {needed * _ROWS_PER_TERM} rows, but "
            f"{n_targets} and {n_rows} are there."
        )
    return found


def choose_form(seen: Observations, base: Form, allowed: Sequence[int], held: Model, rng: np.random.Generator) -> Form:
    """Returns the form with the degrees chosen, first that of the mean, then that of the spread.

    Args:
        seen: the observations.
        base: which parameters there are beside the curves.
        allowed: degrees to choose from.
        held: a fit, whose read noise and spread of relaxation are held.
        rng: for the folds.
    """
    rich = replace(base, sigma_degree=min(2, allowed[-1]))
    means = [replace(rich, mean_degree=degree) for degree in allowed]
    mean_degree = _best(seen, means, held, rng).mean_degree
    spreads = [replace(base, mean_degree=mean_degree, sigma_degree=degree) for degree in allowed]
    return _best(seen, spreads, held, rng)


def _best(seen: Observations, forms: Sequence[Form], held: Model, rng: np.random.Generator) -> Form:
    fold_of = _folds(seen.cluster, rng)
    floor = 1e-6 * (float(np.abs(seen.y_uS).max()) or 1.0)
    if len(forms) == 1 or fold_of.max() < 1:
        return forms[0]
    scores = []
    for chosen in forms:
        form = replace(chosen, spread=False, growth=False, read=False)
        start = replace(held, sigma=np.eye(chosen.sigma_degree + 1)[0] * abs(held.sigma[0]))
        score = np.full(len(seen.u), -np.inf)
        if is_positive(fit_model(seen, form, start=start)):
            for fold in range(fold_of.max() + 1):
                inside = fold_of == fold
                model = fit_model(seen.where(~inside), form, start=start)
                score[inside] = log_likelihood(model, seen.where(inside), floor)
        scores.append(_by_cluster(seen.cluster, score))
    return forms[simplest(scores)]


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


def choose_read(repeats: Repeats, allowed: Sequence[int], rng: np.random.Generator) -> Floats:
    """Returns the curve of the read noise, powers of u, its degree chosen alike."""
    allowed = [degree for degree in allowed if degree < max(len(np.unique(repeats.u)), 1)][:3] or [0]
    fold_of = _folds(repeats.cluster, rng)
    scores, curves = [], []
    for degree in allowed:
        curve = read_curve(repeats.squares_uS2, repeats.freedom, repeats.u, degree)
        score = np.full(len(repeats.u), -np.inf)
        if curve_at(curve, _U).min() >= 0:
            for fold in range(fold_of.max() + 1):
                out = fold_of == fold
                left = curve
                if not out.all():
                    left = read_curve(repeats.squares_uS2[~out], repeats.freedom[~out], repeats.u[~out], degree)
                score[out] = _read_score(left, repeats, out)
        scores.append(_by_cluster(repeats.cluster, score))
        curves.append(np.maximum(curve, 0.0) if degree == 0 else curve)
    return curves[simplest(scores)]


def _read_score(curve: Floats, repeats: Repeats, out: np.ndarray) -> Floats:
    squares, freedom, u = repeats.squares_uS2[out], repeats.freedom[out], repeats.u[out]
    floor = 1e-6 * (float(np.sqrt(repeats.squares_uS2.max())) or 1.0)
    variance = np.maximum(curve_at(curve, u), floor) ** 2
    return np.asarray(-0.5 * (freedom * np.log(variance) + squares / variance))


def is_positive(model: Model) -> bool:
    """Whether the standard deviation is not negative at any measured target."""
    return bool(curve_at(model.sigma, _U).min() >= 0.0)


def _by_cluster(cluster: np.ndarray, score: Floats) -> Floats:
    return np.asarray(np.bincount(cluster, score), np.float64)


def _folds(cluster: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    present, place = np.unique(cluster, return_inverse=True)
    fold = np.arange(len(present)) % min(N_FOLDS, len(present))
    return np.asarray(rng.permutation(fold)[place])
