"""How far the fitted laws are from the data, by age and by conductance: lack of fit, measured and said.

Errors are gathered in cells of one age and one range of targets. In each the mean error and the standard deviation are
compared with what the model has there, and by how much they may differ by chance.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from rampjax.interop.device_fit.model import Model
from rampjax.interop.device_fit.rows import Rows, age_numbers, range_numbers
from rampjax.interop.device_fit.stuck import Sorted

LEAST_ROWS: Final = 30  # of a cell
_N_RANGES: Final = 4  # of targets
_CHANCE: Final = 0.01  # that any cell seems off


@dataclass(frozen=True)
class Misfit:
    """One cell in which the model is off: observed and modelled mean or standard deviation, µS."""

    age_s: float | None  # None: there are no ages
    g_low_uS: float
    g_high_uS: float
    observed_uS: float
    model_uS: float
    sure: float  # in standard errors

    @property
    def place(self) -> str:
        """Where it is, in words."""
        age = "" if self.age_s is None else f"at {self.age_s:.3g} s "
        return f"{age}from {self.g_low_uS:.4g} to {self.g_high_uS:.4g} µS"


@dataclass(frozen=True)
class Lack:
    """The largest lack of fit of the mean and of the spread, over all cells; None where no cell has enough rows."""

    mean: Misfit | None
    sigma: Misfit | None
    n_cells: int

    @property
    def limit(self) -> float:
        """Standard errors beyond which no cell is by chance."""
        return float(stats.norm.isf(_CHANCE / (2 * max(self.n_cells, 1))))

    def is_sure(self, one: Misfit | None) -> bool:
        """Whether a cell is off by more than chance."""
        return one is not None and bool(abs(one.sure) > self.limit)


def lack_of_fit(rows: Rows, sorted_: Sorted, model: Model) -> Lack:
    """Compares errors and model cell by cell.

    Args:
        rows: the rows.
        sorted_: which of them are kept.
        model: as fitted.
    """
    kept = np.flatnonzero(sorted_.kept)
    error = rows.error_uS[kept]
    u, ln_t, aged = rows.u[kept], rows.ln_t[kept], rows.aged[kept]
    mean, sigma = model.mean_at(u, ln_t, aged), model.sigma_at(u, ln_t, aged)
    edges = np.unique(np.quantile(u, np.linspace(0, 1, _N_RANGES + 1)))
    range_ = range_numbers(u, edges)
    age = age_numbers(ln_t, aged)
    means, sigmas = [], []
    for cell in np.unique(np.stack([age, range_], axis=1), axis=0):
        inside = (age == cell[0]) & (range_ == cell[1])
        if inside.sum() < LEAST_ROWS:
            continue
        time_s = None if rows.time_s is None else float(np.median(rows.time_s[kept][inside]))
        target = rows.target_uS[kept][inside]
        place = (time_s, float(target.min()), float(target.max()))
        off, scale = error[inside] - mean[inside], sigma[inside]
        n_free = len(np.unique(rows.cluster[kept][inside]))
        error_of_mean = max(float(off.std()), 1e-12) / np.sqrt(n_free)
        means.append(
            Misfit(*place, float(error[inside].mean()), float(mean[inside].mean()), off.mean() / error_of_mean)
        )
        squares, modelled = (off - off.mean()) ** 2, float((scale**2).mean())
        error_of_square = max(float(squares.std()), 1e-12 * modelled, 1e-300) / np.sqrt(n_free)
        seen, said = float(np.sqrt(squares.mean())), float(np.sqrt(modelled))
        sigmas.append(Misfit(*place, seen, said, float((squares.mean() - modelled) / error_of_square)))
    limit = Lack(None, None, len(means))
    return Lack(_worst(means, limit, False), _worst(sigmas, limit, True), len(means))


def _worst(cells: list[Misfit], lack: Lack, relative: bool) -> Misfit | None:
    """The cell that is furthest off, of those that are off by more than chance where there are any."""
    if not cells:
        return None
    sure = [cell for cell in cells if lack.is_sure(cell)] or cells

    def size(cell: Misfit) -> float:
        off = abs(cell.observed_uS - cell.model_uS)
        return off / max(cell.model_uS, 1e-12) if relative else off

    return max(sure, key=size)
