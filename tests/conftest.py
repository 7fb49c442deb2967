"""Two CPU devices for all tests, and the physics' annotated functions checked against their types and shapes."""

import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_num_cpu_devices", 2)
install_import_hook(["rampjax.circuit", "rampjax.metrics", "rampjax.montecarlo", "rampjax.target"], "typecheck.checked")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The README's blocks take minutes in one worker: first, or the other workers wait for them at the end."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
