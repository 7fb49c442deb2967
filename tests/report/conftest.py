"""Studies made up by a small NumPy random walk, with the shape and look of real ones."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from rampjax.report.meta import ReportMeta
from rampjax.report.tables import Tables, kind_columns

G: Mapping[str, tuple[Callable[[Any], Any], float, float]] = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -7.0, 7.0),
    "tanh": (np.tanh, -4.0, 4.0),
    "softsign": (lambda x: x / (1 + np.abs(x)), -40.0, 40.0),
    "softplus": (lambda x: np.logaddexp(0, x), -4.0, 4.0),
    "sin": (np.sin, -np.pi, np.pi),
    "gelu": (lambda x: 0.5 * x * (1 + np.tanh(0.7979 * (x + 0.044715 * x**3))), -4.0, 4.0),
}
OWN = ("yield_fraction", "ci_low", "ci_high")
SHRINK = {"none": 1.0, "one_point": 0.68, "two_point": 0.55, "redundant:4+one_point": 0.46, "ramp_aware": 0.3}


def thresholds_of(function: str, bits: int) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Returns thresholds, their boundaries and the LSB of a function, by a dense grid."""
    g, lo, hi = G[function]
    x = np.linspace(lo, hi, 200_001)
    y = g(x)
    lsb = (y.max() - y.min()) / 2**bits
    code = np.clip(((y - y.min()) / lsb).astype(int), 0, 2**bits - 1)
    at = np.flatnonzero(np.diff(code))
    return x[at], y.min() + np.maximum(code[at], code[at + 1]) * lsb, lsb


def chips_of(function: str, bits: int, calibration: str, n_chips: int, sigma: float) -> dict[str, Any]:
    """Draws chips: a random walk of the ramp, shrunk by how good the calibration is."""
    t, b, lsb = thresholds_of(function, bits)
    rng = np.random.default_rng(len(function) * 1000 + bits * 10 + len(calibration))
    steps = (
        rng.normal(size=(n_chips, t.size)) * sigma * SHRINK.get(calibration, 0.4) * np.diff(t, prepend=t[0]).max() / 150
    )
    walk = np.cumsum(steps, axis=1) if calibration != "ramp_aware" else steps * 2
    walk = walk - walk[:, [t.size // 2]] if "one_point" in calibration else walk
    g = G[function][0]
    return {"t": t, "b": b, "lsb": lsb, "x": t + walk, "inl": (g(t + walk) - b) / lsb, "y": g(t + walk)}


def band_rows(key: dict[str, Any], chips: dict[str, Any]) -> pd.DataFrame:
    """Returns the rows of `bands` for one point."""
    n, k = chips["x"].shape
    columns: dict[str, Any] = {
        **key,
        "k": np.arange(1, k + 1),
        "boundary": chips["b"],
        "x_target": chips["t"],
        "y_target": chips["b"],
    }
    for name in ("x", "y", "inl"):
        for q in (5, 50, 95):
            columns[f"{name}_p{q:02d}"] = np.quantile(chips[name], q / 100, axis=0)
    scale = 0.8 / (chips["t"][-1] - chips["t"][0])
    columns["v_target_V"] = chips["t"] * scale
    columns.update({f"v_p{q:02d}_V": columns[f"x_p{q:02d}"] * scale for q in (5, 50, 95)})
    return pd.DataFrame({**columns, "n_chips": n})


def yield_rows(key: dict[str, Any], worst: NDArray[Any], total: NDArray[Any], specs: Sequence[float]) -> pd.DataFrame:
    """Returns rows of `yields` or `curves` for one point, of the worst INL, with the total error's beside it."""
    columns: dict[str, Any] = {"spec_lsb": list(specs), **share_columns(OWN, worst, specs), "n_samples": worst.size}
    for kind, values in (("static", worst), ("total", total)):
        columns |= share_columns(kind_columns(kind), values, specs)
    return pd.DataFrame({**key, **columns})


def share_columns(names: Sequence[str], worst: NDArray[Any], specs: Sequence[float]) -> dict[str, Any]:
    """Returns the share of chips within each spec under three names, with its Wilson interval."""
    n, z = worst.size, 1.96
    p = np.array([(worst <= spec).mean() for spec in specs])
    centre, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z * np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2) / (1 + z * z / n),
    )
    return dict(zip(names, (p, np.clip(centre - half, 0, p), np.clip(centre + half, p, 1)), strict=True))


def summary_rows(key: dict[str, Any], measures: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Returns the rows of `summary` for one point."""
    rows = []
    for measure, values in measures.items():
        mean, std = values.mean(), values.std(ddof=1)
        half = 1.96 * std / np.sqrt(values.size)
        quantiles = {
            f"p{q}{part}": np.quantile(values, np.clip(q / 100 + shift, 0, 1))
            for q in (50, 95, 99)
            for part, shift in (("", 0.0), ("_ci_low", -0.02), ("_ci_high", 0.02))
        }
        rows.append(
            {
                **key,
                "measure": measure,
                "mean": mean,
                "mean_ci_low": mean - half,
                "mean_ci_high": mean + half,
                "std": std,
                **quantiles,
            }
        )
    return pd.DataFrame(rows).assign(n_samples=len(next(iter(measures.values()))), n_not_finite=0)


def make_study(
    n_chips: int = 400,
    noise: bool = True,
    specs: Sequence[float] = (0.25, 0.5, 1.0),
    yield_of: str = "max_inl_lsb",
    **vary: Sequence[Any],
) -> tuple[ReportMeta, Tables]:
    """Makes the full product of the given lists of function, bits, calibration, device, levels and sigma."""
    names = {key: "device.sigma_prog_uS" if key == "sigma" else key for key in vary}
    base = {"function": "sigmoid", "bits": 5, "device": "taox_paper", "calibration": "none"}
    parts: dict[str, list[pd.DataFrame]] = {"summary": [], "yields": [], "curves": [], "bands": []}
    grid = np.geomspace(0.01, 32, 120)
    for values in itertools.product(*vary.values()):
        key = {**base, **{names[name]: value for name, value in zip(vary, values, strict=True)}}
        chips = chips_of(
            key["function"], key["bits"], key["calibration"], n_chips, float(key.get("device.sigma_prog_uS", 2.67))
        )
        worst = np.abs(chips["inl"]).max(axis=1)
        rmse = np.sqrt((chips["inl"] ** 2).mean(axis=1) + 1 / 12)
        noise_lsb = np.full(n_chips, 0.53) + 0.01 * worst if noise else np.zeros(n_chips)
        total = np.hypot(rmse, noise_lsb)
        measures = {"max_inl_lsb": worst, "rmse_lsb": rmse, "noise_rms_lsb": noise_lsb, "total_rmse_lsb": total}
        parts["summary"].append(summary_rows({"levels": "midrise", **key}, measures))
        parts["yields"].append(yield_rows(key, worst, total, specs))
        parts["curves"].append(yield_rows(key, worst, total, list(grid)))
        parts["bands"].append(band_rows(key, chips))
    meta = ReportMeta(
        title="How often does a column stay within half a step?",
        yield_of=yield_of,
        specs_lsb=tuple(specs),
        varied=tuple(names.values()),
        notes=(
            "Programming error σ 2.67 µS: static, set once per programming event.",
            "Read noise: temporal, new at every read (cycle-to-cycle), 3.5 µS; it enters the temporal noise only.",
        ),
        read_noise_note="Calibrations measure without noise (n_reads = 0).",
        provenance={
            "commit": "0123abc",
            "versions": {"jax": "0.10.2", "numpy": "2.4.1"},
            "seed": 1,
            "study": {"samples": n_chips, "specs_lsb": list(specs)},
        },
    )
    return meta, Tables(**{name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()})


@pytest.fixture(scope="session")
def single() -> tuple[ReportMeta, Tables]:
    """A study of one point."""
    return make_study(calibration=["ramp_aware"])


@pytest.fixture(scope="session")
def study() -> tuple[ReportMeta, Tables]:
    """A study of two functions (one not monotone), three bit widths and three calibrations."""
    return make_study(
        function=["sigmoid", "sin"], bits=[3, 4, 5], calibration=["none", "redundant:4+one_point", "ramp_aware"]
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., tuple[ReportMeta, Tables]]:
    """The maker of studies itself, for tests with a wish of their own."""
    return make_study
