"""Two CPU devices for all tests, and the physics' annotated functions checked against their types and shapes."""

import jax
from jaxtyping import install_import_hook

jax.config.update("jax_num_cpu_devices", 2)
install_import_hook(["rampjax.circuit", "rampjax.metrics", "rampjax.montecarlo", "rampjax.target"], "typecheck.checked")
