"""Measured cells for tests, and an independent twin of a column made of them: plain NumPy, no shared code.

The twin knows the table of reads, and that a programming event takes any cell of the aim's nearest target. The column
is the sigmoid of `twin`, with the largest step at g_max.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from twin import Twin

AGES_S = (0.0, 0.1, 1.0, 1e5)
TECHC = "techC_relaxdata.min.tsv.gz"
REPOSITORY = Path(__file__).parents[1]


def techc_folder():
    """The folder of technology C's cells, None where it is not there."""
    given = os.environ.get("RAMPJAX_DATA")
    places = [Path(given)] if given else []
    places += [folder / "shared/data/rram_relaxation" for folder in (REPOSITORY, REPOSITORY.parent)]
    return next((place for place in places if (place / TECHC).is_file()), None)


def made_cells(per_target=40, seed=0):
    """Targets (cell,) and reads (cell, age) of made-up cells: skewed errors, failures, relaxation that depends on g."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(2.0, 41.0, 2.0), per_target)
    fresh = rng.uniform(-0.6, 0.6, target.size)
    slope = 0.2 * rng.standard_exponential(target.size) - 0.05 * target / 40
    failed = rng.random(target.size) < 0.05
    reads = [target + fresh]
    for age in AGES_S[1:]:
        moved = fresh - slope * np.log(age / 1e-3) / 3 - np.where(failed & (age >= 1.0), 0.4 * target, 0.0)
        reads.append(np.maximum(target + moved, 0.0))
    return target, np.stack(reads, axis=1)


def cells_table(target, reads, ages=AGES_S):
    """The same as a table, one row per read."""
    rows = [
        f"c{cell},{age:g},{target[cell]:.17g},{reads[cell, place]:.17g}"
        for cell in range(len(target))
        for place, age in enumerate(ages)
    ]
    return "device,time_s,target_uS,measured_uS\n" + "\n".join(rows) + "\n"


def device_toml(table, name="cells.csv", g_uS=(2.0, 40.0), more=""):
    """A device file of measured cells."""
    figures = {
        "g_min_uS": g_uS[0],
        "g_max_uS": g_uS[1],
        "stuck_off_prob": 0.0,
        "stuck_on_prob": 0.0,
        "g_stuck_off_uS": 0.0,
        "g_stuck_on_uS": 40.0,
        "v_read_V": 0.2,
    }
    said = 'certainty = "user"\nsource = "made up for tests"\n'
    tables = "".join(f"[{key}]\nvalue = {value}\n{said}" for key, value in figures.items())
    sha256 = hashlib.sha256(table.encode()).hexdigest()
    return (
        f'title = "Made-up cells"\n{tables}[sigma_read_uS]\nconstant = 0.0\n{said}'
        f'[cells]\nfile = "{name}"\nsha256 = "{sha256}"\nlicense = "CC0"\nsource = "made up for tests"\n{more}'
    )


class CellsTwin(Twin):
    """A column whose devices are cells: as programmed, at the last calibration, and now."""

    def __init__(self, bits, target, reads, ages=AGES_S, g_uS=(2.0, 40.0), calibrated_s=0.0, now_s=0.0, seed=0):
        super().__init__(bits, seed=seed)
        self.g_min, self.g_max = g_uS
        steps = np.diff(self.t)
        self.g = self.g_max * steps / steps.max()
        self.x_per_uS = steps.max() / self.g_max
        self.target, self.levels = target, np.unique(target)
        self.of_level = [np.flatnonzero(target == level) for level in self.levels]
        self.errors = [self._at(reads, ages, age) - target for age in (0.0, calibrated_s, now_s)]

    @staticmethod
    def _at(reads, ages, age):
        if age == 0:
            return reads[:, 0]
        later = np.asarray(ages[1:])
        return np.array([np.interp(np.log(age), np.log(later), row[1:]) for row in reads])

    def pick(self, aim):
        """One cell for each aim (n,)."""
        nearest = np.abs(aim[:, None] - self.levels).argmin(axis=1)
        sizes = np.array([len(cells) for cells in self.of_level])
        rank = (self.rng.random(len(aim)) * sizes[nearest]).astype(int)
        return np.array([self.of_level[level][k] for level, k in zip(nearest, rank, strict=True)])

    def made(self, aim):
        """Conductances of the devices aimed at these, fresh, at the last calibration, and now."""
        cell = self.pick(aim)
        return [np.maximum(aim + error[cell], 0.0) for error in self.errors]

    def column(self, n, ramp_aware=False, one_point=False, redundant=1):
        """Realised thresholds (n, M-1)."""
        each = [self._one(n, ramp_aware, one_point) for _ in range(redundant)]
        worst = np.stack([self.max_inl(seen) for _, seen in each])
        return np.stack([true for true, _ in each])[np.argmin(worst, axis=0), np.arange(n)]

    def _one(self, n, ramp_aware, one_point):
        ramp, parts = np.full(n, self.t[0]), []
        for k, g in enumerate(self.g):
            aim = np.full(n, g)
            if ramp_aware:
                aim = np.clip((self.t[k + 1] - ramp) / self.x_per_uS, self.g_min, self.g_max)
            parts.append(self.made(aim))
            ramp = ramp + parts[-1][0] * self.x_per_uS
        _, then, now = (np.stack(stage, axis=1) for stage in zip(*parts, strict=True))
        seen, true = self.thresholds(then), self.thresholds(now)
        shift = (self.t - seen)[:, [(self.m - 1) // 2]] if one_point else 0.0
        return true + shift, seen + shift
