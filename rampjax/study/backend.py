"""Makes every core of this machine a device of its own; results do not depend on it."""

import contextlib
import os


def use_all_cores() -> None:
    """Asks jax for one CPU device per core. Call before anything is computed; a choice made by the user stands.

    A block of chips is too small for one device to spread over cores, so blocks side by side use them.
    """
    import jax

    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "") or "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    with contextlib.suppress(RuntimeError):  # something was computed before: the devices stay as they are
        jax.config.update("jax_num_cpu_devices", cores)
