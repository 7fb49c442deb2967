"""What each field of a device means: its unit, and on which clock it varies.

The question most often asked of a simulator: is a variation drawn once for each device (device-to-device, static) or
anew at every read (cycle-to-cycle, temporal), and is it in percent or in µS? Here every one is in µS or a probability.
"""

from dataclasses import dataclass
from typing import Final

LIMIT: Final = "a limit, no variation"
SETTING: Final = "a setting, no variation"
PER_PROGRAMMING: Final = "static, set once per programming event"
PER_DEVICE: Final = "static, once per device"
PER_READ: Final = "temporal, new at every read (cycle-to-cycle)"


@dataclass(frozen=True)
class FieldInfo:
    """What a field of a device means: its unit, the clock of its variation, and one plain sentence."""

    unit: str
    clock: str
    help: str


FIELDS: Final[dict[str, FieldInfo]] = {
    "g_min_uS": FieldInfo("µS", LIMIT, "Smallest conductance that may be a target."),
    "g_max_uS": FieldInfo("µS", LIMIT, "Largest conductance that may be a target."),
    "g_ceiling_uS": FieldInfo(
        "µS", LIMIT, "Physical ceiling at which a realised conductance is clipped; absent: none."
    ),
    "bias_prog_uS": FieldInfo(
        "µS, absolute", PER_PROGRAMMING, "Mean of realised minus target conductance after programming, in every device."
    ),
    "sigma_prog_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        PER_PROGRAMMING,
        "Standard deviation of the programming error: differs from device to device, stays the same at every read.",
    ),
    "sigma_read_uS": FieldInfo(
        "µS, not percent; may depend on the conductance g",
        PER_READ,
        "Standard deviation of the read noise: each device's conductance differs from read to read.",
    ),
    "stuck_off_prob": FieldInfo(
        "probability from 0 to 1, not percent", PER_DEVICE, "Share of devices stuck at a low conductance."
    ),
    "stuck_on_prob": FieldInfo(
        "probability from 0 to 1, not percent", PER_DEVICE, "Share of devices stuck at a high conductance."
    ),
    "g_stuck_off_uS": FieldInfo("µS", PER_DEVICE, "Conductance of a device that is stuck off, whatever its target."),
    "g_stuck_on_uS": FieldInfo("µS", PER_DEVICE, "Conductance of a device that is stuck on, whatever its target."),
    "v_read_V": FieldInfo("V", SETTING, "Read voltage across each device."),
}
