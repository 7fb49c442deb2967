"""Whether the errors are normal: a Kolmogorov-Smirnov test that knows that mean and spread were fitted.

References:
    The test's own table is wrong where parameters are fitted: Lilliefors (1967), J. Am. Stat. Assoc. 62, 399. Its
    distribution is simulated here, each time with the fit made anew.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from rampjax.interop.device_fit.model import Floats, Form, Model, Observations, fit_model

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


def check_normality(seen: Observations, form: Form, model: Model, rng: np.random.Generator) -> Normality | None:
    """Tests the standardised first errors; None where they have no spread.

    Args:
        seen: the observations.
        form: of the model.
        model: as fitted.
        rng: for the simulation.
    """
    first = seen.where(seen.first > 0)
    sigma = np.sqrt(model.variance_uS2(first))
    if not sigma.min() > 0:
        return None
    z = (first.y_uS - model.mean_at(first)) / sigma
    # A test of more errors would take long, and reject any device.
    some = np.sort(rng.permutation(len(z))[:MOST_POINTS])
    chosen = np.isin(np.arange(len(z)), some)
    tested, mean, scale = first.where(chosen), model.mean_at(first)[chosen], sigma[chosen]
    curves = replace(form, shift=False, slope=False, spread=False, growth=False, read=False)
    relaxed = mean - replace(model, relax_mean=(0.0, 0.0)).mean_at(tested)
    flat = replace(model, relax_mean=(0.0, 0.0))

    def distance(y_uS: Floats) -> float:
        again = replace(tested, y_uS=y_uS - relaxed)
        fitted = fit_model(again, curves, read=model.read, start=flat)
        spread = np.sqrt(np.maximum(fitted.variance_uS2(again), 1e-30))
        return float(stats.kstest((again.y_uS - fitted.mean_at(again)) / spread, stats.norm.cdf).statistic)

    found = distance(tested.y_uS)
    simulated = [distance(mean + scale * rng.standard_normal(len(mean))) for _ in range(N_SIMULATED)]
    p_value = (1 + sum(other >= found for other in simulated)) / (N_SIMULATED + 1)
    return Normality(found, p_value, len(mean), z, first.y_uS, first.u)
