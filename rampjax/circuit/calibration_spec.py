"""The grammar of calibrations: which compose, in which order, whatever the order in which they are spelled.

Programming (`ramp_aware`), then correction (`one_point`, `one_point_bias` or `two_point`), then selection
(`redundant:N`). Pure Python, so that a study file can be checked without loading jax.
"""

from dataclasses import dataclass
from typing import Final, Literal

from rampjax.checks import InputError, nearest

Correction = Literal["none", "one_point", "one_point_bias", "two_point"]
CORRECTIONS: Final[tuple[Correction, ...]] = ("one_point", "one_point_bias", "two_point")

MAX_REDUNDANT = 64
WORDS = ("none", *CORRECTIONS, "ramp_aware", "redundant:N")


@dataclass(frozen=True)
class CalibrationSpec:
    """A calibration, parsed: what is done at programming, at correction and at selection."""

    ramp_aware: bool = False
    correction: Correction = "none"
    n_redundant: int = 1

    @property
    def measures(self) -> bool:
        """Whether anything is measured for it: every calibration but `none`."""
        return self != CalibrationSpec()

    @property
    def text(self) -> str:
        """The canonical spelling, in the order in which the parts act, e.g. `ramp_aware+one_point+redundant:4`."""
        parts = ["ramp_aware"] if self.ramp_aware else []
        parts += [self.correction] if self.correction != "none" else []
        parts += [f"redundant:{self.n_redundant}"] if self.n_redundant > 1 else []
        return "+".join(parts) or "none"


def parse_calibration(text: str) -> CalibrationSpec:
    """Parses `none`, or any of a correction, `ramp_aware` and `redundant:N` joined by `+`.

    Raises:
        InputError: an unknown word, one named twice, two corrections, `none` beside others, N not an integer in 1..64.
    """
    words = [word.strip() for word in text.split("+")]
    if words == ["none"]:
        return CalibrationSpec()
    ramp_aware, correction, n_redundant = False, "none", 0
    for word in words:
        if word == "ramp_aware" and not ramp_aware:
            ramp_aware = True
        elif word in CORRECTIONS and correction == "none":
            correction = word
        elif word.startswith("redundant:") and not n_redundant:
            n_redundant = _parse_count(text, word)
        elif word in ("ramp_aware", correction) or (word.startswith("redundant:") and n_redundant):
            raise InputError(f"`calibration` `{text}` names `{word.split(':')[0]}` twice, expected once.")
        elif word in CORRECTIONS:
            known = ", ".join(f"`{name}`" for name in CORRECTIONS)
            raise InputError(f"`calibration` `{text}` has two corrections, expected one of {known}.")
        elif word == "none":
            raise InputError(f"`calibration` `{text}` joins `none` to others, expected `none` alone.")
        else:
            raise InputError(
                f"`calibration` has the unknown word `{word}`, expected {', '.join(WORDS)}, joined by `+`."
                + nearest(word.split(":")[0], [w.split(":")[0] for w in WORDS])
            )
    return CalibrationSpec(ramp_aware, correction, max(n_redundant, 1))  # type: ignore[arg-type]


def _parse_count(text: str, word: str) -> int:
    count = word.removeprefix("redundant:")
    # isdecimal alone takes the digits of every script, which int() would read too: only ASCII is meant.
    if not (count.isascii() and count.isdecimal() and 1 <= int(count[:4]) <= MAX_REDUNDANT):
        raise InputError(
            f"`calibration` `{text}`: `redundant:N` wants an integer N from 1 to {MAX_REDUNDANT}, but N is `{count}`."
        )
    return int(count)
