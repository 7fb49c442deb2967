"""The static and the total yield side by side: which of them a study has, what each is called, and what noise it has.

A yield of static errors alone flatters: a spec that nearly every noise-free chip meets, no chip may meet with its
noise. So neither is said without the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from rampjax.report.labels import Value
from rampjax.report.meta import LEAST_LSB, ReportMeta
from rampjax.report.points import select
from rampjax.report.tables import KINDS, STATIC, TOTAL, Tables, of_kind

NO_NOISE: Final = "no temporal noise was simulated"
UNKNOWN_MARK: Final = "*"
_WORDS: Final = {"total_rmse_lsb": "with noise", "noise_rms_lsb": "of its noise alone"}  # all others are static


@dataclass(frozen=True)
class Side:
    """One of the yields that stand side by side: the word for it, the measure within the spec, and its columns."""

    words: str
    measure: str
    kind: str | None = None  # of `KINDS`; None: the columns of the study's own measure

    def of(self, yields: pd.DataFrame) -> pd.DataFrame:
        """Returns yields with those of this side as `yield_fraction`, `ci_low`, `ci_high`."""
        return yields if self.kind is None else of_kind(yields, self.kind)


def sides(meta: ReportMeta, noisy: bool) -> tuple[Side, ...]:
    """Returns the yields to say: the study's own, then the total beside a static one, the static beside the total one.

    Args:
        meta: what the report is about.
        noisy: whether any temporal noise was simulated; without it a total yield says nothing more.
    """
    total = meta.yield_of == KINDS[TOTAL]
    own = Side("in all" if total and not noisy else _WORDS.get(meta.yield_of, STATIC), meta.yield_of)
    if meta.counts:
        return (own,)
    if total:
        return own, Side(STATIC, KINDS[STATIC], STATIC)
    return (own, Side(_WORDS[KINDS[TOTAL]], KINDS[TOTAL], TOTAL)) if noisy else (own,)


def is_noisy(tables: Tables, where: Mapping[str, Value]) -> bool:
    """Says whether temporal noise, or undecided latches, were simulated at any point of a slice."""
    means = select(tables.summary, {key: value for key, value in where.items() if key != "spec_lsb"})
    noise = means[means["measure"] == "noise_rms_lsb"]["mean"]
    undecided = means[means["measure"] == "metastable_probability"]["mean"]
    return bool((noise > LEAST_LSB).any() or (undecided > 0).any())


def unknown_noise(meta: ReportMeta, device: Value | None) -> bool:
    """Says whether nobody knows the read noise of a device, so that it was taken as 0."""
    return device in meta.noise_unknown


def marked(meta: ReportMeta, key: str, value: Value, text: str) -> str:
    """Returns a text for a value, with a mark where it is a device of unknown read noise."""
    return f"{text} {UNKNOWN_MARK}" if key == "device" and unknown_noise(meta, value) else text


def mark_note(meta: ReportMeta, devices: tuple[Value, ...]) -> str:
    """Explains the mark where one of the devices has it; nothing otherwise."""
    if not any(unknown_noise(meta, device) for device in devices):
        return ""
    return f"{UNKNOWN_MARK} read noise unknown, taken as 0. "
