"""NumPy on all cores: generators and ufuncs release the interpreter's lock, so plain threads do."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Cores:
    """A pool with one thread per core."""

    pool: ThreadPoolExecutor
    n: int

    def each(self, work: Callable[[int], np.ndarray]) -> list[np.ndarray]:
        """Returns `work(core)` of every core, done side by side."""
        return list(self.pool.map(work, range(self.n)))


def generator(seed: int, core: int, kind: type[np.random.BitGenerator] = np.random.SFC64) -> np.random.Generator:
    """A stream of its own for each seed and core; SFC64 is NumPy's fastest."""
    return np.random.Generator(kind(np.random.SeedSequence((seed, core))))
