"""An independent twin of write-verify in plain NumPy: many devices at once, NumPy's own generator, no shared code.

It knows only the rules: read; inside the window, stop; else pulse. Devices that are done are dropped from the arrays.
"""

import numpy as np


def finish(g, e, n, mean, sigma, rng):
    beyond = mean + sigma * rng.standard_normal(len(g))
    return np.maximum(g + beyond, 0.0), n, e


def pulses(
    aim, n_devices, *, start, tol, most, set_step, reset_step, bound, rel, read=0.0, v=(1.0, 1.0), t=1.0, mean=0.0,
    sigma=0.0, seed=0,
):  # fmt: skip
    """Soft bounds. Returns conductance, pulses, verified, energy."""
    rng = np.random.default_rng(seed)
    g = rng.uniform(*start, n_devices)
    count, energy, verified = np.zeros(n_devices, int), np.zeros(n_devices), np.zeros(n_devices, bool)
    left = np.arange(n_devices)
    for turn in range(most + 1):
        error = g[left] + read * rng.standard_normal(len(left)) - aim
        verified[left[np.abs(error) <= tol]] = True
        keep = np.abs(error) > tol
        left, error = left[keep], error[keep]
        if turn == most or not len(left):
            break
        up, before = error < 0, g[left]
        step = np.where(up, set_step * (bound - before) / bound, reset_step * before / bound)
        step = np.maximum(step * (1 + rel * rng.standard_normal(len(left))), 0)
        after = np.maximum(np.where(up, before + step, before - step), 0)
        energy[left] += np.where(up, v[0], v[1]) ** 2 * t * (before + after) / 2
        g[left] = after
        count[left] += 1
    g, count, energy = finish(g, energy, count, mean, sigma, rng)
    return g, count, verified, energy


def compliance(
    aim, n_devices, *, tol, most, g_reset, gain, rel, spread, factors=(0.5, 0.25), early=10, read=0.0, seed=0
):
    """The published scheme: an iteration is a SET, after a reset where the read was past the window."""
    rng = np.random.default_rng(seed)

    def after_reset(n):
        return g_reset * np.maximum(1 + rel * rng.standard_normal(n), 0)

    def seen(x):
        return x + read * rng.standard_normal(len(x))

    g = after_reset(n_devices)
    last = seen(g)
    verified, count = np.abs(last - aim) <= tol, np.zeros(n_devices, int)
    for iteration in range(most):
        past = ~verified & (last > aim + tol)
        g[past] = after_reset(past.sum())
        last[past] = seen(g[past])
        verified |= np.abs(last - aim) <= tol
        factor = factors[0] if iteration < early else factors[1]
        wanted = gain * factor * (aim - last)
        grown = wanted + rel * wanted * rng.standard_normal(n_devices) + spread * rng.standard_normal(n_devices)
        g = np.where(verified, g, g + np.maximum(grown, 0))
        last = np.where(verified, last, seen(g))
        count += ~verified
        verified |= np.abs(last - aim) <= tol
    return g, count, verified
