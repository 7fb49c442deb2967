"""What a result rests on: configuration and its hash, seed, versions, backend. Read before a run continues."""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from rampjax.montecarlo.engine import block_size

PACKAGES = ("rampjax", "jax", "jaxlib", "numpy", "scipy", "pandas", "seaborn", "matplotlib")
# What decides the bits of a sample: a run may continue only where all of these are the same.
FIXED = ("configuration", "seed", "versions", "source_sha256", "backend")
PHYSICS = ("target", "metrics.py", "circuit", "montecarlo", "solver")  # rooms whose code decides the numbers
NETLISTS = "interop/spice"  # where other programs simulate chips: what they are given


def describe_run(
    configuration: Mapping[str, Any], seed: int, samples: int, programs: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Returns the provenance of a run that is about to start.

    Args:
        configuration: what the results depend on, JSON-able.
        seed: of every random number.
        samples: chips per point.
        programs: versions of other programs that decide the numbers, by name.
    """
    devices = jax.local_devices()
    configuration = json.loads(json.dumps(configuration))
    return {
        "configuration": configuration,
        "configuration_sha256": configuration_hash(configuration),
        "seed": seed,
        "samples": samples,
        "versions": {**{name: importlib.metadata.version(name) for name in PACKAGES}, **(programs or {})},
        "backend": {
            "platform": devices[0].platform,
            "device": devices[0].device_kind,
            "block": block_size(devices[0]),
            # Fixed by `target.arithmetic`, as what else a process asks of JAX; the three below it are the user's.
            "x64": False,
            "matmul_precision": jax.default_matmul_precision.value,
            "jit": not jax.config.jax_disable_jit,  # type: ignore[attr-defined]
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
        },
        "source_sha256": source_hash((*PHYSICS, NETLISTS) if programs else PHYSICS),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a configuration as canonical JSON."""
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()


def source_hash(rooms: Sequence[str] = PHYSICS) -> str:
    """Returns the SHA-256 of the code that decides the numbers: chunks of two versions of it must not mix."""
    package = Path(__file__).resolve().parents[1]
    paths = [package / room for room in rooms]
    files = [file for path in paths for file in ([path] if path.is_file() else path.glob("*.py"))]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Says in a clause what keeps a run from being continued, or None."""
    for key in FIXED:
        difference = _difference(key, old.get(key), new.get(key))
        if difference:
            return difference
    return None


def _difference(name: str, old: Any, new: Any) -> str | None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            found = _difference(f"{name}.{key}", old.get(key), new.get(key))
            if found:
                return found
        return None
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return next(filter(None, (_difference(f"{name}[{i}]", *pair) for i, pair in pairs)), None)
    return None if old == new else f"`{name}` was {_shown(old)} and is {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _commit() -> str | None:
    """Returns the commit of the source tree, with "+changes" where it has any; None for an installed package."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        commit = _git(source, "rev-parse", "HEAD")
        changed = _git(source, "status", "--porcelain", "--untracked-files=no", "--", "rampjax")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
