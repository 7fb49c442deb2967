"""Device presets as text and as flat records: every field with its unit, clock, certainty and source."""

from collections.abc import Container
from typing import Any

from rampjax.circuit.curves import is_zero
from rampjax.circuit.device_faults import REPLACED_BY_CELLS
from rampjax.config.cells_section import CellsConfig
from rampjax.config.device_config import DeviceConfig
from rampjax.config.device_fields import FIELDS, WRITE
from rampjax.config.device_values import CERTAINTIES, Curve, Sourced
from rampjax.config.devices import device_names, load_device
from rampjax.config.records import flat_figure
from rampjax.report.text import table_lines

# What ages a device, and the words for it in the list.
_AGEING = {
    "relax_mean_uS": "relaxation",
    "relax_sigma_uS": "relaxation",
    "aged_sigma_uS": "spread at ages",
    "sigma_slow_uS": "slow read noise",
    "drift_nu": "drift",
    "rtn_prob": "telegraph noise",
}


def preset_lines() -> list[str]:
    """One line per preset, with how sure each of its main figures is, and one per title."""
    devices = [load_device(name) for name in device_names()]
    titles = (
        "device",
        "targets (µS)",
        "programming error σ (µS, static)",
        "read noise σ (µS, temporal)",
        "stuck, off + on",
        "ageing (slow)",
        "write-verify",
    )
    rows = [
        (
            device.name,
            f"{device.g_min_uS.text} to {device.g_max_uS.text} ({_certainties(device.g_min_uS, device.g_max_uS)})",
            _spread(device, device.sigma_prog_uS) + _failures(device),
            _spread(device, device.sigma_read_uS),
            f"{device.stuck_off_prob.text} + {device.stuck_on_prob.text} "
            f"({_certainties(device.stuck_off_prob, device.stuck_on_prob)})",
            _ageing(device),
            "-" if device.write is None else f"{device.write.scheme.text} ({device.write.scheme.certainty})",
        )
        for device in devices
    ]
    widest = max(len(device.name) for device in devices)
    return [
        *table_lines(titles, rows, left=tuple(range(len(titles)))),
        "",
        *(f"{device.name:<{widest}}  {device.title}" for device in devices),
        "",
        _legend(CERTAINTIES),
        "`rampjax devices NAME` shows every field with unit, clock, certainty and source.",
    ]


def preset_record() -> dict[str, Any]:
    """The presets as one flat record: names, titles, ranges, main figures and how sure each is."""
    devices = [load_device(name) for name in device_names()]
    record: dict[str, Any] = {
        "devices": [device.name for device in devices],
        "titles": [device.title for device in devices],
        "g_min_uS": [device.g_min_uS.value for device in devices],
        "g_max_uS": [device.g_max_uS.value for device in devices],
    }
    for key in ("g_min_uS", "g_max_uS", "sigma_prog_uS", "sigma_read_uS", "stuck_off_prob", "stuck_on_prob"):
        record[f"{key}_certainty"] = [getattr(device, key).certainty for device in devices]
    return record


def device_lines(name: str) -> list[str]:
    """Every field of a device, each with what it means and where it is from; then what the words for that say."""
    device = load_device(name)
    lines = [f"{device.name}: {device.title}"]
    absent = []
    for key, said in FIELDS.items():
        figure = device.figure(key)
        if figure is None:
            absent.append(key)
            continue
        if device.cells is not None and key in REPLACED_BY_CELLS:
            continue
        meaning = "; ".join(part for part in (said.unit, said.clock) if part)
        lines += [
            "",
            f"{key} = {figure.text}   [{meaning}]",
            f"    {said.help}",
            f"    {figure.certainty}: {figure.source}",
        ]
    if device.cells is not None:
        absent = [key for key in absent if key not in REPLACED_BY_CELLS]
        lines += _cells_lines(device.cells)
    if device.write is None:
        absent = [*(key for key in absent if not key.startswith(WRITE)), "write"]
    if absent:
        lines += ["", f"Not given, so off or without limit: {', '.join(absent)}."]
    given = {figure.certainty for key in FIELDS if (figure := device.figure(key)) is not None}
    return [*lines, "", _legend(given)]


def device_record(name: str) -> dict[str, Any]:
    """A device as one flat record: KEY, KEY_certainty, KEY_source; curves as coefficients of powers of g in µS.

    `aged_sigma_uS` has the coefficients of all ages one after the other, beside the list `aged_sigma_ages_s`.
    """
    device = load_device(name)
    record: dict[str, Any] = {"device": device.name, "title": device.title}
    for key in FIELDS:
        figure = device.figure(key)
        if figure is not None:
            said = {f"{key}_certainty": figure.certainty, f"{key}_source": figure.source}
            record |= flat_figure(key, figure.numbers) | said
    if device.cells is not None:
        record |= {f"cells_{key}": value for key, value in device.cells.model_dump(mode="json").items()}
    return record


def _cells_lines(cells: CellsConfig) -> list[str]:
    """What stands in place of the laws of a device of measured cells."""
    return [
        "",
        f"cells = {cells.text}   [µS, not percent; static, set once per programming event; slow]",
        "    The error of each programmed device, at the first read and at every age since: that of the cell it takes.",
        f"    measured: {cells.source}; license: {cells.license}; SHA-256 {cells.sha256}",
    ]


def _spread(device: DeviceConfig, curve: Curve) -> str:
    """A standard deviation over the targets: one number, or from the smallest to the largest."""
    low, high = device.g_min_uS.value, device.g_max_uS.value
    if device.cells is not None and curve is device.sigma_prog_uS:
        return "of cells (measured)"
    ends = (curve.minimum_uS(low, high)[1], curve.maximum_uS(low, high)[1])
    shown = " to ".join(dict.fromkeys(f"{max(end, 0.0):.3g}" for end in ends))
    return f"{shown} ({curve.certainty})"


def _failures(device: DeviceConfig) -> str:
    """What the programming error is not the whole of."""
    share = device.failed_prob
    return "" if share is None or is_zero(share.numbers) else f", and failures ({share.certainty})"


def _ageing(device: DeviceConfig) -> str:
    if device.cells is not None:
        return "of cells (measured)"
    found: dict[str, str] = {}
    for key, words in _AGEING.items():
        figure = device.figure(key)
        if figure is not None:
            flat = "no " if is_zero(figure.numbers) else ""
            found.setdefault(f"{flat}{words}", figure.certainty)
    return ", ".join(f"{words} ({certainty})" for words, certainty in found.items()) or "-"


def _legend(words: Container[str]) -> str:
    """What those of the words for a certainty that are given say."""
    return "; ".join(f"{word}: {meaning}" for word, meaning in CERTAINTIES.items() if word in words) + "."


def _certainties(*figures: Sourced) -> str:
    return ", ".join(dict.fromkeys(figure.certainty for figure in figures))
