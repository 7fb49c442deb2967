"""A converter as a plain table for other simulators: the thresholds, and what stands in the bins between them.

The keys of the file, JSON or NumPy's NPZ:

schema_version
    version of these keys.
rampjax_version, design
    what made the table, and the name of the design's file; empty for a design that came from no file.
function, bits, levels
    of the design.
sample, seed
    which sampled chip it is; null, and absent in NPZ, for the ideal converter of the design.
x_lo, x_hi
    range of inputs; an infinite end is null in JSON, and infinite in NPZ.
y_lo, y_hi, lsb
    range of the function on it, and the unit of the output.
scale_V
    volts per unit of x, so that the comparator sees `scale_V * thresholds` on the ramp.
thresholds
    (K,) inputs at which the code changes, ascending; two may be equal, and the bin between them is then empty.
sigma_x
    (K,) temporal standard deviation of each threshold, new at every conversion, in x; 0 for the ideal converter.
boundaries
    (K,) boundary of the output at which the ideal converter changes from one bin to the next.
codes, outputs
    (K+1,) code of each bin from the lowest x to the highest, and the value that it stands for.

All numbers are float64 and inputs are compared as such. An input that equals a threshold belongs to the bin above it,
-inf to the first bin, +inf to the last; one that is NaN passes no threshold, so that it belongs to the first bin.

Thresholds of a sampled chip may have changed places, if only by rounding. The converter counts the thresholds that an
input has passed, whatever their order, and so has the same codes when they are sorted, as they are here, each with its
own `sigma_x`. Subnormal inputs, which compiled kernels take for 0, are compared as they are.

What is left out: the width in which a strobed latch stays undecided, and noise that neighbouring thresholds share.
"""

import io
import json
import math
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rampjax.checks import InputError

if TYPE_CHECKING:
    from rampjax.circuit.design import Design

SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, eq=False)
class ConverterTable:
    """A converter as a table; the module's text says what each field is. Infinite ends of the range are infinite."""

    schema_version: int
    rampjax_version: str
    design: str
    function: str
    bits: int
    levels: str
    sample: int | None
    seed: int | None
    x_lo: float
    x_hi: float
    y_lo: float
    y_hi: float
    lsb: float
    scale_V: float
    thresholds: NDArray[np.float64]
    sigma_x: NDArray[np.float64]
    boundaries: NDArray[np.float64]
    codes: NDArray[np.int64]
    outputs: NDArray[np.float64]

    def bins(self, x: ArrayLike) -> NDArray[np.int64]:
        """Which bin holds each input, from 0: the number of thresholds that it has reached."""
        inputs = np.asarray(x, np.float64)
        reached = np.searchsorted(self.thresholds, inputs, side="right")
        return np.where(np.isnan(inputs), 0, reached).astype(np.int64)

    def convert(self, x: ArrayLike) -> NDArray[np.int64]:
        """The code of each input."""
        return np.asarray(self.codes[self.bins(x)])

    def evaluate(self, x: ArrayLike) -> NDArray[np.float64]:
        """The value that the code of each input stands for."""
        return np.asarray(self.outputs[self.bins(x)])


KEYS: Final = tuple(field.name for field in fields(ConverterTable))


def converter_table(design: "Design", sample: int | None = None, seed: int = 1, name: str = "") -> ConverterTable:
    """Makes the table of a design's ideal converter, or of one sampled chip of it.

    Args:
        design: the design.
        sample: number of the chip; None: the ideal converter, with the design's own thresholds and no noise.
        seed: of the chips.
        name: the name of the design's file.

    Raises:
        InputError: a sample or seed out of range, or a chip whose thresholds are not finite.
    """
    target = design.target
    thresholds, sigma_x = target.thresholds, np.zeros(len(target.thresholds))
    if sample is not None:
        thresholds, sigma_x = _sampled(design, seed, sample)
    return ConverterTable(
        schema_version=SCHEMA_VERSION,
        rampjax_version=version("rampjax"),
        design=name,
        function=target.function.name,
        bits=target.bits,
        levels=target.levels,
        sample=sample,
        seed=None if sample is None else seed,
        x_lo=target.x_lo,
        x_hi=target.x_hi,
        y_lo=target.y_lo,
        y_hi=target.y_hi,
        lsb=target.lsb,
        scale_V=design.scale_V,
        thresholds=thresholds,
        sigma_x=sigma_x,
        boundaries=target.boundaries,
        codes=target.codes,
        outputs=target.outputs,
    )


def _sampled(design: "Design", seed: int, sample: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thresholds of one chip in ascending order, and the noise of each."""
    from rampjax.montecarlo.chip import sample_chip  # brings jax, which a table by itself does not need

    chip = sample_chip(design, seed, sample)
    thresholds, sigma_x = np.asarray(chip.thresholds), np.asarray(chip.sigma_x)
    if not (np.isfinite(thresholds).all() and np.isfinite(sigma_x).all()):
        raise InputError(f"Chip {sample} of seed {seed} has thresholds that are not finite, expected another `sample`.")
    order = np.argsort(thresholds, kind="stable")
    return thresholds[order] + 0.0, sigma_x[order] + 0.0


def table_json(table: ConverterTable) -> bytes:
    """Returns a table as one flat, strict JSON object; numbers read back as the same float64."""
    record = {key: _bare(getattr(table, key)) for key in KEYS}
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def _bare(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if isinstance(value, float) and math.isinf(value) else value


def table_npz(table: ConverterTable) -> bytes:
    """Returns a table as an archive of NumPy arrays, texts and single numbers with no axis; nothing is pickled."""
    content = io.BytesIO()
    held = {key: getattr(table, key) for key in KEYS}
    np.savez(content, allow_pickle=False, **{key: np.asarray(v) for key, v in held.items() if v is not None})
    return content.getvalue()
