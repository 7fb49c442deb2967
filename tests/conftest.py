"""Two CPU devices, kernels that are quick to compile, and the physics' annotated functions checked.

Most of the tests' time is compiling. So kernels are compiled with fewer optimisations than as shipped, which moves last
bits only (`XLA_FLAGS= pytest` runs them as shipped), and each goes into a store that the workers, and the commands that
tests start, share; it goes when the run ends.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

QUICK = "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false"
STORE = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
os.environ.setdefault("XLA_FLAGS", QUICK)
if "PYTEST_XDIST_WORKER" not in os.environ and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    folder = tempfile.mkdtemp(prefix="rampjax-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(STORE, JAX_COMPILATION_CACHE_DIR=folder)

import jax  # noqa: E402 - jax reads the environment when it is imported
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

jax.config.update("jax_num_cpu_devices", 2)
install_import_hook(["rampjax.circuit", "rampjax.metrics", "rampjax.montecarlo", "rampjax.target"], "typecheck.checked")

# Every kernel maps several pieces of memory. Linux allows a process 65 530; beyond, compiling ends it without a word.
MOST_MAPS = 20_000
MAPS = Path("/proc/self/maps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The README's blocks take minutes in one worker: first, or the other workers wait for them at the end."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")


@pytest.fixture(autouse=True, scope="module")
def few_maps() -> Iterator[None]:
    """Gives the kernels of this process back where they are many."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
