"""An independent twin: the sigmoid column in plain NumPy, from closed forms, sharing no code with the package.

Brute force over many columns at once, with NumPy's own generator. It knows only the equations: thresholds
T_c = ln(c/(M - c)), one full clock per step, the largest step at g_max, g clipped at 0, an exact start.
"""

import numpy as np

G_MAX, SIGMA, SIGMA_READ = 150.0, 2.67, 3.5


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


class Twin:
    def __init__(self, bits, sigma=SIGMA, sigma_read=SIGMA_READ, n_reads=0, seed=0):
        self.m = 2**bits
        self.b = np.arange(1, self.m) / self.m
        self.t = np.log(self.b / (1 - self.b))
        steps = np.diff(self.t)
        self.g = G_MAX * steps / steps.max()
        self.x_per_uS = steps.max() / G_MAX
        self.sigma, self.sigma_read, self.n_reads = sigma, sigma_read, n_reads
        self.rng = np.random.default_rng(seed)

    def normal(self, n):
        return self.rng.standard_normal((n, len(self.g)))

    def thresholds(self, g):
        return self.t[0] + np.concatenate([np.zeros((len(g), 1)), np.cumsum(g * self.x_per_uS, axis=1)], axis=1)

    def seen(self, g):
        """Conductances as measured."""
        return g + self.sigma_read / np.sqrt(self.n_reads) * self.normal(len(g)) if self.n_reads else g

    def plain(self, n):
        return np.maximum(self.g + self.sigma * self.normal(n), 0.0)

    def ramp_aware(self, n):
        g = np.zeros((n, len(self.g)))
        ramp = np.full(n, self.t[0])
        for k in range(len(self.g)):
            aim = np.clip((self.t[k + 1] - ramp) / self.x_per_uS, 0.0, G_MAX)
            g[:, k] = np.maximum(aim + self.sigma * self.rng.standard_normal(n), 0.0)
            ramp = ramp + self.seen_one(g[:, k]) * self.x_per_uS
        return g

    def seen_one(self, g):
        return g + self.sigma_read / np.sqrt(self.n_reads) * self.rng.standard_normal(len(g)) if self.n_reads else g

    def corrected(self, g, correction):
        """(true, seen) thresholds after a correction that was computed from what was seen."""
        true, seen = self.thresholds(g), self.thresholds(self.seen(g))
        if correction == "one_point":
            shift = (self.t - seen)[:, [(self.m - 1) // 2]]
            return true + shift, seen + shift
        if correction == "two_point":
            gain = (self.t[-1] - self.t[0]) / (seen[:, [-1]] - seen[:, [0]])
            return tuple(self.t[0] + gain * (x - seen[:, [0]]) for x in (true, seen))
        return true, seen

    def column(self, n, programming="plain", correction="none", redundant=1):
        """Realised thresholds (n, M-1)."""
        columns = [self.corrected(getattr(self, programming)(n), correction) for _ in range(redundant)]
        worst = np.stack([self.max_inl(seen) for _, seen in columns])
        return np.stack([true for true, _ in columns])[np.argmin(worst, axis=0), np.arange(n)]

    def inl(self, thresholds):
        return (sigmoid(thresholds) - self.b) * self.m

    def max_inl(self, thresholds):
        return np.abs(self.inl(thresholds)).max(axis=1)

    def rmse_by_grid(self, thresholds, n_inputs=200_001):
        """rmse of one column over a grid of equally likely outputs: no formula but the definition."""
        y = (np.arange(n_inputs) + 0.5) / n_inputs
        codes = np.searchsorted(thresholds, np.log(y / (1 - y)), side="right")
        return np.sqrt(np.mean(((codes + 0.5) / self.m - y) ** 2)) * self.m

    def conversions(self, g, y):
        """Codes of noisy conversions of the inputs g^-1(y), by first crossing: each reads every device anew."""
        ramp = self.thresholds(np.broadcast_to(g, (len(y), len(g))) + self.sigma_read * self.normal(len(y)))
        passed = ramp > np.log(y / (1 - y))[:, None]
        return np.where(passed.any(axis=1), passed.argmax(axis=1), self.m - 1)
