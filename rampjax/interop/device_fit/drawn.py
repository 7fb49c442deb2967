"""The errors as an empirical sampler draws them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rampjax.checks import InputError
from rampjax.config.device_error import MOST_QUANTILES, quantile_moments
from rampjax.interop.device_fit.model import Floats, Model
from rampjax.interop.device_fit.rows import Rows, observe
from rampjax.interop.device_fit.stuck import Sorted

_N_QUANTILES = 257


@dataclass(frozen=True, eq=False)
class Drawn:
    """What an empirical sampler draws from."""

    quantiles: Floats  # of mean 0 and variance 1
    mean: float  # that was taken out of them, in standard deviations of the fit
    scale: float
    z: Floats  # the errors in standard deviations of the fit, those set apart as outliers among them


def drawn_errors(path: str | Path, rows: Rows, sorted_: Sorted, model: Model) -> Drawn:
    """Returns standardised quantiles of the errors, outliers among them.

    Args:
        path: of the table, for messages.
        rows: its rows.
        sorted_: which of them are stuck.
        model: as fitted.

    Raises:
        InputError: the errors have no spread.
    """
    seen, _ = observe(rows, ~sorted_.stuck)
    seen = seen.where(seen.first > 0)
    sigma_uS = np.sqrt(model.variance_uS2(seen))
    if not sigma_uS.min() > 0:
        raise InputError(f"{path}: the errors have no spread, expected the sampler parametric.")
    z = (seen.y_uS - model.mean_at(seen)) / sigma_uS
    probabilities = np.linspace(0, 1, min(_N_QUANTILES, MOST_QUANTILES, max(len(z), 9)))
    quantiles = np.quantile(z, probabilities)
    mean, scale = quantile_moments(quantiles)
    return Drawn((quantiles - mean) / scale, mean, scale, z)
