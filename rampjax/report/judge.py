"""Laws of a device against the measured cells that they were fitted to: yields side by side.

The cells themselves, resampled, have every shape and dependence that the measurement has: where a law gives another
yield, beyond the intervals, the law is what is wrong.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from rampjax.report.labels import Value, slice_text
from rampjax.report.meta import ReportMeta
from rampjax.report.points import View
from rampjax.report.tables import STATIC, TOTAL, Tables, key_columns, of_kind

KINDS_JUDGED: Final = (STATIC, TOTAL)


@dataclass(frozen=True)
class Verdict:
    """How far the yield of a law is from that of the cells, at one point and spec."""

    law: str
    kind: str
    at: Mapping[str, Value]  # all keys but the device, and the spec
    share: float  # of the law
    cells_share: float
    difference: float  # law less cells
    low: float  # interval of the difference
    high: float

    @property
    def differs(self) -> bool:
        return self.low > 0 or self.high < 0


def judges(meta: ReportMeta, tables: Tables) -> tuple[str, ...]:
    """The devices of measured cells beside which there are others to be judged; none where there are not."""
    devices = list(dict.fromkeys(tables.yields["device"]))
    return tuple(device for device in devices if device in meta.cells) if set(devices) - set(meta.cells) else ()


def verdicts(meta: ReportMeta, tables: Tables, judge: str) -> Iterator[Verdict]:
    """Yields every law against the cells of one device, point by point.

    The interval of a difference is that of Newcombe, of the two intervals by their distances from the shares: on the
    safe side, since all points draw the same random numbers.

    References:
        Newcombe (1998), Stat. Med. 17, 873, method 10.
    """
    yields = tables.yields
    keys = [*(key for key in key_columns(yields) if key != "device"), "spec_lsb"]
    for kind in KINDS_JUDGED:
        frame = of_kind(yields, kind)
        cells = frame[frame["device"] == judge].set_index(keys)
        for law in dict.fromkeys(frame["device"]):
            if law in meta.cells:
                continue
            for _, row in frame[frame["device"] == law].iterrows():
                at = {key: row[key] for key in keys}
                place = tuple(at.values())
                if place in cells.index:
                    yield _verdict(str(law), kind, at, row, cells.loc[place])


def _verdict(
    law: str, kind: str, at: Mapping[str, Value], own: "pd.Series[float]", cells: "pd.Series[float]"
) -> Verdict:
    p, q = float(own["yield_fraction"]), float(cells["yield_fraction"])
    low = np.hypot(p - own["ci_low"], cells["ci_high"] - q)
    high = np.hypot(own["ci_high"] - p, q - cells["ci_low"])
    return Verdict(law, kind, at, p, q, p - q, p - q - float(low), p - q + float(high))


def judge_sentences(meta: ReportMeta, tables: Tables, view: View) -> tuple[str, ...]:
    """Says of each law how far its yields are from those of the cells, worst first, and where that is."""
    return tuple(
        _sentence(view, judge, law, [verdict for verdict in found if verdict.law == law])
        for judge in judges(meta, tables)
        for found in [list(verdicts(meta, tables, judge))]
        for law in dict.fromkeys(verdict.law for verdict in found)
    )


def _sentence(view: View, judge: str, law: str, found: list[Verdict]) -> str:
    said = []
    for kind in KINDS_JUDGED:
        of_kind = [verdict for verdict in found if verdict.kind == kind]
        worst = max(of_kind, key=lambda verdict: abs(verdict.difference))
        varied = {key: value for key, value in worst.at.items() if key in view.keys}
        where = slice_text(varied)
        beyond = sum(verdict.differs for verdict in of_kind)
        shares = f"{_percent(worst.share)} against {_percent(worst.cells_share)} %"
        at = f", {where}" if where else ""
        said.append(
            f"{100 * worst.difference:+.1f} points {kind} ({shares} within {worst.at['spec_lsb']:g} LSB{at}; beyond "
            f"the intervals at {beyond} of {len(of_kind)})"
        )
    off = " and ".join(said)
    return f"Judged by {judge}, the measured cells themselves, resampled: yields of {law} are off by up to {off}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
