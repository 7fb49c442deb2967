"""The spread of aged devices age by age, where no law of ln t meets it: whole standard deviations at measured ages.

At each age the errors, less their mean by the law, have a standard deviation that is a positive polynomial of the
conductance. Between ages a device is taken as on a straight line in ln t, before the youngest one as growing from
fresh over a factor of ten (`aged_sigma_uS` of a device file).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rampjax.interop.device_fit.lack import Lack
from rampjax.interop.device_fit.likelihood import Form
from rampjax.interop.device_fit.model import Model, fit_model
from rampjax.interop.device_fit.rows import Rows, age_numbers
from rampjax.interop.device_fit.series import Floats, pack
from rampjax.interop.device_fit.shapes import positive_polynomial
from rampjax.interop.device_fit.stuck import Sorted

OFF: Final = 0.1  # of the spread: a law that misses by more is not written
_LEAST_ROWS: Final = 100  # at an age
_MOST_AGES: Final = 12
_BEFORE: Final = 0.1  # of the youngest age: where a device still is as fresh
_MOST_DEGREE: Final = 3
_ROWS_PER_TERM: Final = 200


@dataclass(frozen=True, eq=False)
class Aged:
    """Whole standard deviations at ages, the first that of a fresh device: coefficients of powers of g / unit, µS."""

    ages_s: tuple[float, ...]
    terms_uS: tuple[Floats, ...]


def law_is_off(lack: Lack) -> bool:
    """Whether the spread at some age is off by more than chance, and by more than is left to the numbers."""
    one = lack.sigma
    return one is not None and lack.is_sure(one) and abs(one.observed_uS / one.model_uS - 1) > OFF


def aged_spread(rows: Rows, sorted_: Sorted, model: Model) -> Aged | None:
    """Returns the spread at each measured age; None where it cannot be told that way.

    Args:
        rows: the rows.
        sorted_: which of them are kept.
        model: as fitted; its spread of programming must be a polynomial.
    """
    shape = model.form.sigma
    if rows.time_s is None or not shape.is_polynomial or not (rows.aged[sorted_.kept] == 0).any():
        return None
    kept = np.flatnonzero(sorted_.kept)
    u, ln_t, aged = rows.u[kept], rows.ln_t[kept], rows.aged[kept]
    off = rows.error_uS[kept] - model.mean_at(u, ln_t, aged)
    number = age_numbers(ln_t, aged)
    times = rows.time_s[kept]
    ages: list[float] = []
    terms: list[Floats] = []
    for age in range(1, int(number.max()) + 1):
        inside = number == age
        if inside.sum() < _LEAST_ROWS:
            continue
        ages.append(float(f"{np.median(times[inside]):.3g}"))
        terms.append(rows.span.in_powers(_polynomial(off[inside], u[inside], rows.cluster[kept][inside])))
    fresh = rows.span.in_powers(shape.in_powers_of_u(model.sigma))
    if not 1 <= len(ages) <= _MOST_AGES:
        return None
    return Aged((ages[0] * _BEFORE, *ages), (fresh, *terms))


def _polynomial(off_uS: Floats, u: Floats, cluster: np.ndarray) -> Floats:
    """The standard deviation of errors as coefficients of powers of u."""
    n = len(u)
    degree = min(_MOST_DEGREE, len(np.unique(u)) - 1, n // _ROWS_PER_TERM)
    form = Form(sigma=positive_polynomial(max(degree, 0)))
    zero = np.zeros(n)
    series = pack(np.arange(n), off_uS, zero, zero, np.ones(n), u, cluster)
    return form.sigma.in_powers_of_u(fit_model(series, form).sigma)
