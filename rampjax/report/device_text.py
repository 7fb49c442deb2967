"""Device presets as text and as flat records: every field with its unit, clock, certainty and source."""

from typing import Any

from rampjax.config.device_fields import FIELDS
from rampjax.config.device_values import Curve
from rampjax.config.devices import DeviceConfig, device_names, load_device
from rampjax.report.text import table_lines


def preset_lines() -> list[str]:
    """One line per preset."""
    devices = [load_device(name) for name in device_names()]
    titles = ("device", "targets (µS)", "programming error σ (µS, static)", "read noise σ (µS, temporal)", "what it is")
    rows = [
        (
            device.name,
            f"{device.g_min_uS.text} to {device.g_max_uS.text}",
            _sure(device, "sigma_prog_uS"),
            _sure(device, "sigma_read_uS"),
            device.title,
        )
        for device in devices
    ]
    return [
        *table_lines(titles, rows, left=(0, 1, 2, 3, 4)),
        "",
        "`rampjax devices NAME` shows every field with its source.",
    ]


def preset_record() -> dict[str, Any]:
    """The presets as one flat record: names, titles, ranges."""
    devices = [load_device(name) for name in device_names()]
    return {
        "devices": [device.name for device in devices],
        "titles": [device.title for device in devices],
        "g_min_uS": [device.g_min_uS.value for device in devices],
        "g_max_uS": [device.g_max_uS.value for device in devices],
    }


def device_lines(name: str) -> list[str]:
    """Every field of a device, each with what it means and where it is from."""
    device = load_device(name)
    lines = [f"{device.name}: {device.title}"]
    for key, info in FIELDS.items():
        field = getattr(device, key)
        if field is not None:
            lines += [
                "",
                f"{key} = {field.text}   [{info.unit}; {info.clock}]",
                f"    {info.help}",
                f"    {field.certainty}: {field.source}",
            ]
    return lines


def device_record(name: str) -> dict[str, Any]:
    """A device as one flat record: KEY, KEY_certainty, KEY_source; curves as coefficients of powers of g in µS."""
    device = load_device(name)
    record: dict[str, Any] = {"device": device.name, "title": device.title}
    for key in FIELDS:
        field = getattr(device, key)
        if field is not None:
            value = field.coefficients_uS().tolist() if isinstance(field, Curve) else field.value
            record |= {key: value, f"{key}_certainty": field.certainty, f"{key}_source": field.source}
    return record


def _sure(device: DeviceConfig, key: str) -> str:
    field = getattr(device, key)
    return f"{field.text} ({field.certainty})"
