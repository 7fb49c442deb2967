"""Which ngspice there is."""

import re
import subprocess

from rampjax.checks import InputError
from rampjax.interop.spice.ngspice import find_ngspice

_LONGEST_S = 60


def ngspice_version() -> str:
    """The version of ngspice, such as "39".

    Raises:
        InputError: it is not there, or does not say.
    """
    program = find_ngspice()
    try:
        said = subprocess.run(
            [program, "--version"],
            capture_output=True, text=True, errors="replace", check=False, timeout=_LONGEST_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(f"`{program} --version` must say which ngspice it is, but fails ({error}).") from None
    found = re.search(r"ngspice-(\S+)", said)
    if found is None:
        raise InputError(f"`{program} --version` must say which ngspice it is, but does not.")
    return found.group(1)
