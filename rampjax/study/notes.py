"""What was simulated, in sentences: which variations were on, on which clock, in which unit."""

from collections.abc import Sequence

from rampjax.config.devices import FIELDS, Curve, DeviceConfig
from rampjax.config.points import Point
from rampjax.config.sections import CircuitConfig

_DEVICE_FIELDS = ("bias_prog_uS", "sigma_prog_uS", "sigma_read_uS", "stuck_off_prob", "stuck_on_prob")


def assumptions(points: Sequence[Point]) -> tuple[str, ...]:
    """Returns one sentence for each variation that is on at any point, and one that names what is left out."""
    devices: dict[str, list[Point]] = {}
    for point in points:
        devices.setdefault(point.device.name, []).append(point)
    notes = [sentence for group in devices.values() for sentence in _device_notes([point.device for point in group])]
    offsets = sorted({point.circuit.sigma_offset_V for point in points})
    if offsets[-1] > 0:
        field = CircuitConfig.model_fields["sigma_offset_V"]
        notes.append(f"{_listed(offsets)} V: {field.description}.")
    notes.append(
        "Everything else is ideal: the ramp starts exactly where it should, pulses are exact, and the amplifiers, "
        "the MAC column and the comparator add no error of their own" + ("." if offsets[-1] > 0 else " and no offset.")
    )
    if len(points) > 1:
        notes.append(
            "All points draw the same random numbers, so differences between them are known better than their separate "
            "intervals suggest."
        )
    return tuple(notes)


def measurement_note(points: Sequence[Point]) -> str:
    """Says how well the calibrations measure the ramp, which every headline must."""
    reads = sorted({point.circuit.n_reads for point in points})
    if reads == [0]:
        return "Calibrations measure the ramp free of noise (n_reads = 0)."
    counts = ", ".join("0 (noise-free)" if count == 0 else str(count) for count in reads)
    return f"Calibrations measure the ramp with n_reads = {counts}: so many reads of each device are averaged."


def _device_notes(devices: Sequence[DeviceConfig]) -> list[str]:
    notes = []
    for name in _DEVICE_FIELDS:
        held = list(dict.fromkeys(getattr(device, name) for device in devices))
        texts = list(dict.fromkeys(field.text for field in held))
        if texts == ["0"]:
            continue
        info = FIELDS[name]
        certainties = ", ".join(dict.fromkeys(field.certainty for field in held))
        form = "sigma(g) = " if any(isinstance(field, Curve) and field.polynomial for field in held) else ""
        figure = f"{devices[0].name}, {name} = {form}{' | '.join(texts)}"
        notes.append(f"{figure} ({info.unit}; {info.clock}; {certainties}): {info.help}")
    return notes


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
