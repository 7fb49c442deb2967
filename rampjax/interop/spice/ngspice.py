"""Runs ngspice on a netlist and reads what it measured."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rampjax.checks import InputError

_LONGEST_S = 600
_MEASURED = re.compile(r"^(\w+)\s+=\s+([-+0-9.eE]+)", re.MULTILINE)


def find_ngspice() -> str:
    """The path of ngspice.

    Raises:
        InputError: it is not there.
    """
    found = shutil.which("ngspice")
    if found is None:
        raise InputError("`ngspice` is not on PATH, expected to be installed (Debian, Ubuntu: apt install ngspice).")
    return found


class Simulated(NamedTuple):
    """What ngspice found."""

    measured: dict[str, float]  # by name; a measurement that found nothing is left out
    seconds: float  # that it took


def run_ngspice(netlist: str) -> Simulated:
    """Runs a netlist and returns its measurements.

    Args:
        netlist: the text.

    Raises:
        InputError: ngspice is not there, or could not simulate the netlist.
    """
    program = find_ngspice()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ramp.cir"
        path.write_text(netlist, encoding="utf-8")
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [program, "-b", str(path)],
                capture_output=True, text=True, errors="replace", check=False, cwd=folder, timeout=_LONGEST_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise InputError(f"ngspice had not simulated the netlist after {_LONGEST_S} s.") from None
        seconds = time.perf_counter() - started
    found = {name.lower(): float(value) for name, value in _MEASURED.findall(done.stdout)}
    if not any(name.startswith("v_level_") for name in found):
        lines = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if re.search("error|fatal|too small", line, re.IGNORECASE)
        ]
        reason = lines[0].strip() if lines else f"exit status {done.returncode}"
        raise InputError(f"ngspice could not simulate the netlist ({reason[:200]}).")
    return Simulated(found, seconds)
