"""Whether the errors are normal: a Kolmogorov-Smirnov test that knows that mean and spread were fitted.

References:
    The test's own table is wrong where parameters are fitted: Lilliefors (1967), J. Am. Stat. Assoc. 62, 399. Its
    distribution is simulated here, each time with the fit made anew.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from rampjax.interop.device_fit.choice import relaxation_out
from rampjax.interop.device_fit.likelihood import Problem
from rampjax.interop.device_fit.model import Model, refit, without_relaxation
from rampjax.interop.device_fit.series import Floats, Series

N_SIMULATED = 199
MOST_POINTS = 4000


@dataclass(frozen=True, eq=False)
class Normality:
    """The outcome."""

    distance: float  # largest distance of the two distribution functions
    p_value: float
    n: int  # errors that were tested
    z: Floats  # all standardised errors
    error_uS: Floats  # and the errors themselves
    u: Floats  # their targets, from -1 to 1


def check_normality(series: Series, model: Model, rng: np.random.Generator) -> Normality | None:
    """Tests the standardised first errors; None where they have no spread.

    Args:
        series: what is observed.
        model: as fitted.
        rng: for the simulation.
    """
    first = series.first()
    sigma = model.sigma_at(first.u, first.ln_t, first.aged, first.n)
    if not sigma.min() > 0:
        return None
    mean = model.mean_at(first.u, first.ln_t, first.aged)
    z = (first.y_uS - mean) / sigma
    # A test of more errors would take long, and reject any device.
    chosen = np.zeros(len(z), dtype=bool)
    chosen[rng.permutation(len(z))[:MOST_POINTS]] = True
    tested, scale = relaxation_out(first, model).where(chosen), sigma[chosen]
    form = without_relaxation(model.form)
    flat = replace(model, form=form, relax_shift=None, relax_slope=None, relax_start=None, relax_growth=None)
    centre = form.mean.at(model.mean, tested.u)
    known = np.zeros(1) if tested.known_uS2 is None else tested.known_uS2

    def distance(y_uS: Floats) -> float:
        again = tested.with_errors(y_uS)
        fitted = refit(Problem(again, form, None, model.read, model.read_shape), flat)
        spread = np.sqrt(fitted.sigma_at(again.u, again.ln_t, again.aged, again.n) ** 2 + known)
        off = (y_uS - form.mean.at(fitted.mean, again.u)) / np.maximum(spread, 1e-15)
        share = special.ndtr(np.sort(off))
        rank = np.arange(len(off) + 1) / len(off)
        return float(max((rank[1:] - share).max(), (share - rank[:-1]).max()))

    found = distance(tested.y_uS)
    simulated = [distance(centre + scale * rng.standard_normal(len(scale))) for _ in range(N_SIMULATED)]
    p_value = (1 + sum(other >= found for other in simulated)) / (N_SIMULATED + 1)
    return Normality(found, p_value, len(scale), z, first.y_uS, first.u)
