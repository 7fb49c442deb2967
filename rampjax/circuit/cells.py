"""Measured cells in place of laws: a programming event takes a cell that was measured, and errs as that one did.

A device aimed at g is g + e, where e is the error of one of the cells whose target was near g, drawn with equal
chances: what it read less its target, at the first read and at every age since. So shape, failed writes, dependence on
g, and how an error and its relaxation hang together are those of the cells, and no distribution is fitted. Of a cell
the same read stands for a programming, the last calibration and now. Left out: what no cell shows (other wafers, a
second programming of the same cell). The noise of the one read at each age is in the errors; between ages a cell
moves on a straight line in ln t, without what it wanders there.

References:
    Resampling from the empirical distribution: Efron (1979), Ann. Stat. 7, 1.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from rampjax.checks import InputError

N_PLACES = 4_096  # aims that are told apart, evenly spaced over the range of targets
LEAST_CELLS = 20  # that an aim must have to choose from
_REACH = 1.05  # a cell counts as read at an age up to 5 % away: next to nothing of a relaxation in ln t


class CellParams(NamedTuple):
    """The traced part of measured cells: which of them an aim may take, and how they erred at three ages."""

    low_uS: Float[Array, ""]  # the first place
    places_per_uS: Float[Array, ""]
    first: Int[Array, " place"]  # of the cells of an aim, which lie side by side
    n_near: Int[Array, " place"]
    fresh_uS: Float[Array, " cell"]  # error at the first read
    calibrated_uS: Float[Array, " cell"]  # at the last calibration
    now_uS: Float[Array, " cell"]


class Picked(NamedTuple):
    """Which cell each device took."""

    g_aim_uS: Float[Array, "*device"]
    cell: Int[Array, "*device"]


@dataclass(frozen=True, eq=False)
class MeasuredCells:
    """Cells as they were measured: their targets, and what each read at its ages. NumPy in float64.

    Attributes:
        target_uS: (cell,) conductance at which each was aimed.
        age_s: (cell, read) ages of its reads since programming, ascending, NaN where there are fewer.
        g_uS: (cell, read) what they read.
        name: what they are called: the name of their file.
        window_uS: an aim takes cells whose targets are at most so far away; 0: those of the nearest target.
    """

    target_uS: np.ndarray
    age_s: np.ndarray
    g_uS: np.ndarray
    name: str
    window_uS: float = 0.0

    @property
    def n_cells(self) -> int:
        return len(self.target_uS)

    def errors_uS(self, age_s: float) -> np.ndarray:
        """(cell,) read less target at an age, NaN for a cell that was not read so early or so late.

        Age 0 is a cell's first read. In between, what a cell read is linear in ln t.

        Args:
            age_s: time since programming, s.
        """
        first_uS = self.g_uS[:, 0] - self.target_uS
        if age_s == 0:
            return np.asarray(first_uS)
        ages = np.where(self.age_s > 0, self.age_s, np.nan)  # ln 0 is no place to interpolate from
        early = (ages <= age_s * _REACH).any(axis=1)
        late = (ages >= age_s / _REACH).any(axis=1)
        return np.where(early & late, self._between_uS(np.log(ages), np.log(age_s)) - self.target_uS, np.nan)

    def _between_uS(self, log_ages: np.ndarray, log_s: float) -> np.ndarray:
        """Linear in ln t between the reads before and after, constant beyond."""
        before = np.where(log_ages <= log_s, log_ages, -np.inf)
        after = np.where(log_ages >= log_s, log_ages, np.inf)
        low, high = np.argmax(before, axis=1), np.argmin(after, axis=1)
        rows = np.arange(self.n_cells)
        low = np.where(np.isfinite(before[rows, low]), low, high)
        high = np.where(np.isfinite(after[rows, high]), high, low)
        gap = log_ages[rows, high] - log_ages[rows, low]
        share = np.where(gap > 0, (log_s - log_ages[rows, low]) / np.where(gap > 0, gap, 1.0), 0.0)
        return np.asarray((1.0 - share) * self.g_uS[rows, low] + share * self.g_uS[rows, high])

    def ages_s(self) -> tuple[float, float] | None:
        """The youngest and the oldest age above 0 of any read, s; None where there is no such read."""
        ages = self.age_s[self.age_s > 0]
        return (float(ages.min()), float(ages.max())) if ages.size else None


class ChosenCells(NamedTuple):
    """Measured cells as simulations take them, on the host."""

    first: np.ndarray  # (place,) see `CellParams`
    n_near: np.ndarray
    errors_uS: np.ndarray  # (3, cell) at the first read, at the last calibration, now


def choose_cells(
    cells: MeasuredCells, g_min_uS: float, g_max_uS: float, calibrated_s: float, now_s: float
) -> ChosenCells:
    """The cells that every aim may take, with their errors at three ages.

    Cells of one target stand in the order of their errors now, so that the same random number picks alike errors there
    and from a law.

    Args:
        cells: all of them; those that were not read at these ages are left out.
        g_min_uS: the smallest aim, µS.
        g_max_uS: the largest, µS.
        calibrated_s: age at the last calibration, s.
        now_s: age in use, s.

    Raises:
        InputError: too few cells near an aim, or none.
    """
    errors = np.stack([cells.errors_uS(age_s) for age_s in (0.0, calibrated_s, now_s)])
    complete = np.flatnonzero(np.isfinite(errors).all(axis=0))
    order = complete[np.lexsort((errors[2][complete], cells.target_uS[complete]))]
    target_uS = cells.target_uS[order]
    place_uS = np.linspace(g_min_uS, g_max_uS, N_PLACES)
    if not cells.window_uS and len(order):
        _check_ends(np.unique(target_uS), g_min_uS, g_max_uS)
    first, n_near = _near(target_uS, place_uS, cells.window_uS)
    fewest = int(np.argmin(n_near))
    if n_near[fewest] < LEAST_CELLS:
        at = " that were read at all its ages" if len(order) < cells.n_cells else ""
        raise InputError(
            f"Measured cells must be at least {LEAST_CELLS} near every aim from `g_min_uS` = {g_min_uS:g} to "
            f"`g_max_uS` = {g_max_uS:g} µS, but {n_near[fewest]}{at} are near {place_uS[fewest]:.4g} µS; expected "
            f"another range of aims, or a wider `cells.window_uS`."
        )
    return ChosenCells(first, n_near, errors[:, order])


def cell_params(
    cells: MeasuredCells, g_min_uS: float, g_max_uS: float, calibrated_s: float, now_s: float
) -> CellParams:
    """The traced part of measured cells; see `choose_cells`."""
    chosen = choose_cells(cells, g_min_uS, g_max_uS, calibrated_s, now_s)
    fresh, calibrated, now = (jnp.asarray(each, jnp.float32) for each in chosen.errors_uS)
    return CellParams(
        low_uS=jnp.float32(g_min_uS),
        places_per_uS=jnp.float32((N_PLACES - 1) / (g_max_uS - g_min_uS)),
        first=jnp.asarray(chosen.first, jnp.int32),
        n_near=jnp.asarray(chosen.n_near, jnp.int32),
        fresh_uS=fresh,
        calibrated_uS=calibrated,
        now_uS=now,
    )


def _check_ends(targets_uS: np.ndarray, g_min_uS: float, g_max_uS: float) -> None:
    """Raises InputError for an end of the range of aims that is further from all targets than aims between them are."""
    reach_uS = np.diff(targets_uS).max(initial=0.0) / 2
    for key, end_uS in (("g_min_uS", g_min_uS), ("g_max_uS", g_max_uS)):
        if np.abs(targets_uS - end_uS).min() > reach_uS * (1 + 1e-9):
            raise InputError(
                f"Measured cells tell no more: `{key}` = {end_uS:g} µS is too far from their targets, from "
                f"{targets_uS[0]:.4g} to {targets_uS[-1]:.4g} µS."
            )


def _near(target_uS: np.ndarray, place_uS: np.ndarray, window_uS: float) -> tuple[np.ndarray, np.ndarray]:
    """First and number of the cells of each place: those within the window, or of the nearest target."""
    if not len(target_uS):
        return np.zeros(len(place_uS), int), np.zeros(len(place_uS), int)
    after = np.clip(np.searchsorted(target_uS, place_uS), 0, len(target_uS) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(target_uS[before] - place_uS) <= np.abs(target_uS[after] - place_uS)
    nearest_uS = target_uS[np.where(nearer, before, after)]
    low_uS, high_uS = (np.where(window_uS > 0, place_uS + sign * window_uS, nearest_uS) for sign in (-1, 1))
    first = np.searchsorted(target_uS, low_uS, side="left")
    return first, np.searchsorted(target_uS, high_uS, side="right") - first


def pick_cells(
    z: Float[Array, "*device"], g_aim_uS: Float[Array, "*device"], cells: CellParams
) -> Int[Array, "*device"]:
    """Picks one of the cells near each aim, all with equal chances: that of the rank Phi(z) among them.

    Args:
        z: standard normal, one per programming event.
        g_aim_uS: the aims, inside the range of targets, µS.
        cells: the cells.
    """
    place = jnp.round((g_aim_uS - cells.low_uS) * cells.places_per_uS).astype(jnp.int32)
    place = jnp.clip(place, 0, cells.first.shape[0] - 1)
    n_near = cells.n_near[place]
    rank = jnp.floor(jax.scipy.special.ndtr(z) * n_near).astype(jnp.int32)
    return cells.first[place] + jnp.clip(rank, 0, n_near - 1)


def aged_cells_uS(
    picked: Picked, cells: CellParams, g_ceiling_uS: Float[Array, ""]
) -> tuple[Float[Array, "*device"], Float[Array, "*device"]]:
    """Conductances of devices at the last calibration and now: what their own cells read then, µS.

    Args:
        picked: which cell each device took.
        cells: the cells.
        g_ceiling_uS: the device's physical ceiling, µS.
    """
    then_uS, now_uS = (
        jnp.clip(picked.g_aim_uS + error_uS[picked.cell], 0.0, g_ceiling_uS)
        for error_uS in (cells.calibrated_uS, cells.now_uS)
    )
    return then_uS, now_uS
