"""An independent twin of the whole circuit in plain NumPy: brute force over many chips, no code of the package.

Float64, NumPy's own generator, loops over the entries of the column. It takes the settings (`Circuit`, `Device`) as
bare numbers and finds the thresholds, the design, the chips and their measures anew. What a comparator does is
simulated twice: by the level that it asks for, over many chips, and conversion by conversion, clock by clock.
"""

import math
from types import SimpleNamespace

import numpy as np
from scipy import optimize, special

BOLTZMANN_FC_V = 1.380649e-23 * 1e15  # J/K as fC V/K: over fF it is V²


class Goal:
    """A function on a range, its mid-rise boundaries, and where it crosses them."""

    def __init__(self, g, bits, x_ends, turns=(), y_ends=None):
        self.g, self.bits, self.m = g, bits, 2**bits
        self.ends = np.array([x_ends[0], *turns, x_ends[1]], float)
        y = g(self.ends)
        if y_ends is not None:
            y[[0, -1]] = y_ends
        self.y_lo, self.lsb = y.min(), np.ptp(y) / self.m
        self.y_ends = (y - self.y_lo) / self.lsb
        t, b, codes = [], [], [min(int(self.y_ends[0] + 1e-9 * np.sign(self.y_ends[1] - self.y_ends[0])), self.m - 1)]
        for x0, x1, y0, y1 in zip(self.ends, self.ends[1:], self.y_ends, self.y_ends[1:], strict=False):
            sign = 1 if y1 > y0 else -1
            inside = [c for c in range(1, self.m) if min(y0, y1) + 1e-9 < c < max(y0, y1) - 1e-9][::sign]
            for c in inside:
                t.append(optimize.brentq(lambda x, c=c: (g(x) - self.y_lo) / self.lsb - c, x0, x1, xtol=1e-14))
                b.append(c)
                codes.append(codes[-1] + sign)
        self.t, self.b, self.codes = np.array(t), np.array(b, float), np.array(codes)
        self.variation = np.abs(np.diff(self.y_ends)).sum()
        self._grid()

    def _grid(self, n=200_001):
        x = np.unique(
            np.concatenate([np.linspace(x0, x1, n) for x0, x1 in zip(self.ends, self.ends[1:], strict=False)])
        )
        self._travel = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(self.y_lsb(x))))])
        self._x = x

    def y_lsb(self, x):
        return (self.g(np.clip(x, self.ends[0], self.ends[-1])) - self.y_lo) / self.lsb

    def inputs(self, n):
        """Inputs that make every output equally likely."""
        at = (np.arange(n) + 0.5) / n * self._travel[-1]
        return np.interp(at, self._travel, self._x)

    def inl(self, t):
        return self.y_lsb(t) - self.b

    def max_inl(self, t):
        return np.abs(self.inl(t)).max(axis=-1)

    def error(self, index, x):
        """Q(x) - g(x) in LSB, from the index of the bin that the converter ended in."""
        return self.codes[index] + 0.5 - self.y_lsb(x)

    def rmse(self, t, n=4001):
        x = self.inputs(n)
        return np.array([np.sqrt(np.mean(self.error(np.searchsorted(row, x, side="right"), x) ** 2)) for row in t])

    def max_err(self, t, n=20_001):
        x = self.inputs(n)
        return np.array([np.abs(self.error(np.searchsorted(row, x, side="right"), x)).max() - 0.5 for row in t])


def sigmoid(bits):
    return Goal(special.expit, bits, (-36.0, 36.0), y_ends=(0.0, 1.0))


def square(bits):
    return Goal(np.square, bits, (-2.0, 2.0), turns=(0.0,))


def gelu(bits, ends):
    turn = optimize.minimize_scalar(_gelu, bounds=(-2, 0), method="bounded", options={"xatol": 1e-12}).x
    return Goal(_gelu, bits, ends, turns=(turn,))


def _gelu(x):
    return x * special.ndtr(x)


def curve(coefficients, g):
    """A standard deviation: a power law, points, or the coefficients of a polynomial."""
    if hasattr(coefficients, "exponent"):
        return coefficients.coefficient_uS * np.power(g / coefficients.g_unit_uS, coefficients.exponent)
    if hasattr(coefficients, "sigma_uS"):
        return np.interp(g, coefficients.g_uS, coefficients.sigma_uS)
    return np.maximum(sum(c * g**power for power, c in enumerate(coefficients)), 0.0)


def either_sign(figure, g):
    """One number for all conductances, points, or the coefficients of a polynomial."""
    if hasattr(figure, "value"):
        return np.interp(g, figure.g_uS, figure.value)
    if isinstance(figure, tuple):
        return sum(c * g**power for power, c in enumerate(figure))
    return np.full_like(g, figure)


def of_shape(z, quantiles, g):
    """What has the probability of a normal z: by one row of quantiles, or by rows that are mixed by the conductance."""
    p = special.ndtr(z)
    if isinstance(quantiles, tuple):
        return np.interp(p, np.linspace(0.0, 1.0, len(quantiles)), quantiles) if quantiles else z
    grid, unit = np.linspace(0.0, 1.0, len(quantiles.rows[0])), np.eye(len(quantiles.g_uS))
    weight = np.stack([np.interp(g, quantiles.g_uS, hat) for hat in unit])
    mixed = sum(w * np.interp(p, grid, row) for w, row in zip(weight, quantiles.rows, strict=True))
    fine = (np.arange(50_000) + 0.5) / 50_000
    covariance = np.cov([np.interp(fine, grid, row) for row in quantiles.rows])
    return mixed / np.sqrt(np.einsum("i...,ij,j...->...", weight, covariance, weight))


def shape_at_age(quantiles, age_s):
    """The distribution at an age, mixed in ln t: one row of quantiles, or rows by the conductance."""
    if isinstance(quantiles, tuple) or not hasattr(quantiles, "ages_s"):
        return quantiles
    logs = [math.log(t) for t in quantiles.ages_s]
    later = max(age_s, quantiles.ages_s[0])
    weights = [np.interp(math.log(later), logs, hat) for hat in np.eye(len(logs))]
    by_g = hasattr(quantiles.shapes[0], "rows")
    tables = [shape.rows if by_g else (shape,) for shape in quantiles.shapes]
    fine = (np.arange(200_000) + 0.5) / 200_000
    rows = []
    for same in zip(*tables, strict=True):
        grid = np.linspace(0.0, 1.0, len(same[0]))
        row = sum(w * np.asarray(q) for w, q in zip(weights, same, strict=True))
        whole = np.interp(fine, grid, row)
        rows.append(tuple((row - whole.mean()) / whole.std()))
    return SimpleNamespace(g_uS=quantiles.shapes[0].g_uS, rows=rows) if by_g else rows[0]


class TwinCircuit:
    """A column, its design worked out anew, and chips of it.

    `goal` is what is measured; `column` the goal by which the devices were laid out (a column run at fewer bits).
    A `layout` says what the ramp aims at, the pulses and the number of devices of each step and the bias devices.
    """

    def __init__(self, goal, device, circuit, calibration="none", seed=0, column=None, layout=None):
        self.goal, self.device, self.circuit = goal, device, circuit
        self.column = column or goal
        self.rng = np.random.default_rng(seed)
        self.words = calibration.split("+")
        self.n_redundant = max([int(w.split(":")[1]) for w in self.words if w.startswith("redundant")], default=1)
        self._take(layout or self._closed_form())

    def _closed_form(self):
        """One device per step, the shortest pulse that the largest conductance allows; a full clock for the largest."""
        c, d, t = self.circuit, self.device, self.column.t
        steps = np.diff(t)
        largest_fC = d.g_max_uS * d.v_read_V * c.t_clk_ns
        a = c.v_window_V / np.abs(t).max()
        c_fF = largest_fC / (a * steps.max()) if c.c_int_fF is None else c.c_int_fF
        a = min(a, largest_fC / (c_fF * steps.max()))
        widths = [
            next(
                w
                for w in c.t_clk_ns * np.arange(1, c.pulse_grid + 1) / c.pulse_grid
                if w > c.t_min_ns * (1 - 1e-9) and a * dt * c_fF <= d.v_read_V * w * d.g_max_uS * (1 + 1e-9)
            )
            for dt in steps
        ]
        v = a * t
        if d.n_levels and "ramp_aware" not in self.words:
            levels = np.linspace(d.g_min_uS, d.g_max_uS, d.n_levels)
            ends = [v[0]]
            for wanted, width in zip(v[1:], widths, strict=True):
                ends_at = ends[-1] + levels * d.v_read_V * width / c_fF
                ends_at = ends_at[ends_at <= c.v_window_V * (1 + 1e-9)]
                ends.append(ends_at[np.argmin(np.abs(ends_at - wanted))])
            v = np.array(ends)
        t_bias_ns = c.t_clk_ns * c.bias_clocks
        n_bias = c.n_bias
        if n_bias is None:
            start_uS = abs(v[0]) * c_fF / (d.v_read_V * t_bias_ns)
            n_bias = math.ceil(start_uS / d.g_max_uS - 1e-9) if "one_point_bias" in self.words else 0
        return SimpleNamespace(
            scale_V=a, c_int_fF=c_fF, v_ramp_V=v, t_pulse_ns=widths, n_devices=[1] * len(steps), n_bias=n_bias,
            t_bias_ns=t_bias_ns,
        )  # fmt: skip

    def _take(self, layout):
        """The entries of the column, one per device, and after how many of them each level is reached."""
        c, d, r = self.circuit, self.device, self.circuit.ramp
        self.a, self.c_fF, self.n_bias = layout.scale_V, layout.c_int_fF, layout.n_bias
        self.v = np.array(layout.v_ramp_V)

        def tap(t):
            return round(t / c.t_clk_ns * c.pulse_grid)

        def uS(dv, t):
            return abs(dv) * self.c_fF / (d.v_read_V * t)

        self.entries = []
        for j in range(self.n_bias):
            t, v_after = layout.t_bias_ns, self.v[0] * (j + 1) / self.n_bias
            self.entries.append(
                SimpleNamespace(sign=np.sign(self.v[0]), t=t, tap=min(tap(t), c.pulse_grid), r=r.r_access_MOhm,
                    n_clk=c.bias_clocks, g=uS(self.v[0], t) / self.n_bias, row=0.0, v_after=v_after, step=False)
            )  # fmt: skip
        self.reached = [self.n_bias]
        in_all = sum(layout.n_devices)
        for k, (n, t) in enumerate(zip(layout.n_devices, layout.t_pulse_ns, strict=True)):
            dv = self.v[k + 1] - self.v[k]
            for j in range(n):
                place = len(self.entries) - self.n_bias
                clocks = math.ceil(t / c.t_clk_ns - 1e-9) if j == 0 else 0
                self.entries.append(
                    SimpleNamespace(sign=1.0, t=t, tap=tap(t), r=r.r_access_MOhm + (place + 1) * r.r_wire_MOhm,
                        n_clk=clocks, v_after=self.v[k] + dv * (j + 1) / n, g=uS(dv, t) / n,
                        row=place / max(in_all - 1, 1) - 0.5, step=j == 0)
                )  # fmt: skip
            self.reached.append(len(self.entries))
        self.clocks = [
            sum(e.n_clk for e in self.entries[i:j]) for i, j in zip(self.reached, self.reached[1:], strict=False)
        ]
        self.n_taps = max(e.tap for e in self.entries)
        self.g_target = np.array([e.g for e in self.entries])

    # ---- one chip's draws

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def draw_ramp(self, n):
        r = self.circuit.ramp
        return SimpleNamespace(
            c=1 + r.sigma_c_int_rel * self.normal(n),
            v=r.sigma_v_read_rel * self.normal(n),
            v_os=r.v_os_V + r.sigma_v_os_V * self.normal(n),
            q=r.q_inj_fC + r.sigma_q_inj_fC * self.normal(n),
            t_loss=r.t_loss_ns + r.sigma_t_loss_ns * self.normal(n),
            taps=r.sigma_tap_ns * self.normal(n, self.n_taps),
            gamma=r.sigma_gradient_rel * self.normal(n),
        )

    def draw_devices(self, n):
        """What belongs to the devices themselves, whatever is programmed into them."""
        d, shape = self.device, (n, len(self.entries))
        u = self.rng.random(shape)
        age_s = self.circuit.operation.age_s
        every = self.circuit.operation.recalibrate_s
        self.t_cal = 0.0 if every is None else max(age_s - every, 0.0)

        def flips(dt):
            return self.rng.random(shape) < (1 - np.exp(-2 * dt / d.rtn_tau_s)) / 2

        trap, first, later = self.rng.random(shape) < d.rtn_prob, flips(self.t_cal), flips(age_s - self.t_cal)
        low = self.rng.random(shape) < 0.5
        jump = np.where(low, 1.0, -1.0)  # where it goes when it leaves the level in which it was programmed
        return SimpleNamespace(
            off=u < d.stuck_off_prob,
            on=(u >= d.stuck_off_prob) & (u < d.stuck_off_prob + d.stuck_on_prob),
            relax=(self.normal(*shape), self.normal(*shape)),
            slow=self.flicker(shape, age_s - self.t_cal),
            nu=self.normal(*shape),
            tc=self.normal(*shape),
            rtn=(np.where(trap & first, jump, 0.0), np.where(trap & (first ^ later), jump, 0.0)),
        )

    def flicker(self, shape, since_s):
        """Noise of variance ln(t_hi/t_lo) at two moments: a sum of Ornstein-Uhlenbeck processes, eight per e-fold."""
        d = self.device
        if not d.slow_t_lo_s:
            return np.zeros(shape), np.zeros(shape)
        e_folds = math.log(d.slow_t_hi_s / d.slow_t_lo_s)
        n = math.ceil(8 * e_folds)
        then, now = np.zeros(shape), np.zeros(shape)
        for j in range(n):
            tau = d.slow_t_lo_s * math.exp((j + 0.5) * e_folds / n)
            kept, before = math.exp(-since_s / tau), self.normal(*shape)
            then += before
            now += kept * before + math.sqrt(1 - kept**2) * self.normal(*shape)
        return then * math.sqrt(e_folds / n), now * math.sqrt(e_folds / n)

    def flickering(self, g, devices, at):
        """Conductances with their slow noise at one of the two moments."""
        noisy = np.maximum(g + curve(self.device.sigma_slow_uS, g) * devices.slow[at], 0.0)
        return np.where(devices.off | devices.on, g, noisy)

    def realise(self, aim, k, devices):
        """Programs entry k of every chip."""
        d = self.device
        if d.n_levels:
            levels = np.linspace(d.g_min_uS, d.g_max_uS, d.n_levels)
            aim = levels[np.abs(aim[:, None] - levels).argmin(axis=1)]
        error = of_shape(self.rng.standard_normal(aim.shape), d.error_quantiles, aim)
        g = aim + either_sign(d.bias_prog_uS, aim) + curve(d.sigma_prog_uS, aim) * error
        if np.any(d.failed_prob):
            share, bias = (either_sign(figure, aim) for figure in (d.failed_prob, d.failed_bias_uS))
            missed = aim + bias + curve(d.failed_sigma_uS, aim) * self.rng.standard_normal(aim.shape)
            g = np.where(self.rng.random(aim.shape) < share, missed, g)
        g = np.clip(g, 0.0, d.g_ceiling_uS)
        g = np.where(devices.off[:, k], d.g_stuck_off_uS, g)
        return np.where(devices.on[:, k], d.g_stuck_on_uS, g)

    # ---- measuring the ramp

    def read_charge(self, g, t, off):
        """Standard deviation of the charge (fC) that read noise adds to a pulse t (ns)."""
        d = self.device
        if d.tau_read_ns is None:
            lasting = t
        elif d.tau_read_ns == 0:
            lasting = math.sqrt(d.t_read_ns * t)
        else:
            # The variance of the integral of an Ornstein-Uhlenbeck process, against that over t_read.
            part = [u - 1 + math.exp(-u) for u in (t / d.tau_read_ns, d.t_read_ns / d.tau_read_ns)]
            lasting = d.t_read_ns * math.sqrt(part[0] / part[1])
        return self.read_sigma(g, off) * d.v_read_V * lasting

    def own_V2(self, g, entry, off, kelvin=300.0):
        """Variance that one device adds to the ramp by its own noise, referred volts at nominal conditions."""
        r = self.circuit.ramp
        thermal = 2 * BOLTZMANN_FC_V * kelvin * g * entry.t * r.thermal_noise
        return (self.read_charge(g, entry.t, off) ** 2 + thermal) / self.c_fF**2

    def read_V2(self):
        """Variance of one reading beside the ramp's own: what is sampled at its reset, and the instrument."""
        c, corner = self.circuit, self.circuit.operation.c_corner_rel
        reset = BOLTZMANN_FC_V * 300.0 / (self.c_fF * corner) * c.ramp.ktc_noise
        return (reset + c.sigma_measure_V**2) * corner**2

    def steps_read(self, g, k, off):
        """Conductances of entry k as reads of it by itself show them."""
        c, entry = self.circuit, self.entries[k]
        if not c.n_reads or c.read_by == "levels":
            return g
        per_uS = self.device.v_read_V * entry.t / self.c_fF
        step_V2 = (c.ramp.sigma_step_V * c.operation.c_corner_rel) ** 2 * (k >= self.n_bias)
        jitter_V = g * self.device.v_read_V * c.ramp.sigma_jitter_ns / self.c_fF
        variance = self.own_V2(g, entry, off) + jitter_V**2 + step_V2 + self.read_V2()
        return g + np.sqrt(variance / c.n_reads) / per_uS * self.rng.standard_normal(g.shape)

    def level_error(self, g, off):
        """Error (n,) of one measured level of the ramp, on which the first entries have conductances g (n, entry)."""
        c, n = self.circuit, len(g)
        if not c.n_reads or c.read_by == "steps" or g.shape[1] == 0:
            return np.zeros(n)
        per_ns = self.device.v_read_V * c.ramp.sigma_jitter_ns / self.c_fF
        variance, pulsed = np.full(n, self.read_V2()), np.zeros(n)
        for k in range(g.shape[1]):
            if self.entries[k].n_clk:
                variance += (per_ns * pulsed) ** 2 + (c.ramp.sigma_step_V * c.operation.c_corner_rel) ** 2 * (
                    k >= self.n_bias
                )
                pulsed = np.zeros(n)
            pulsed = pulsed + g[:, k]
            variance += self.own_V2(g[:, k], self.entries[k], off[:, k])
        variance += (per_ns * pulsed) ** 2
        return np.sqrt(variance / c.n_reads) * self.rng.standard_normal(n)

    def measure(self, g, ramp, off):
        """(the ramp as it is measured (n, K), its bias devices (n, bias)) with conductances g."""
        shown = np.stack([self.steps_read(g[:, k], k, off[:, k]) for k in range(g.shape[1])], axis=1)
        levels = self.ramp(shown, ramp)[0]
        errors = np.stack([self.level_error(g[:, :k], off) for k in self.reached], axis=1)
        share = sum(e.sign * self.device.v_read_V * e.t / self.c_fF for e in self.entries[: self.n_bias])
        start = errors[:, :1] / share if self.n_bias else 0.0
        return levels + errors, shown[:, : self.n_bias] + start

    def read_sigma(self, g, off):
        """A device that is stuck off cannot vary by more than it has."""
        sigma = curve(self.device.sigma_read_uS, g)
        return np.where(off & (sigma > g), g, sigma)

    # ---- ageing

    def relaxation(self, g, age_s):
        d = self.device
        if age_s == 0:
            return np.zeros_like(g), np.zeros_like(g)
        log = math.log(max(age_s, d.relax_t0_s))
        as_target = np.minimum(np.maximum(g, d.g_min_uS), d.g_max_uS)
        mean, spread = (
            sum(weight * either_sign(part, as_target) for weight, part in zip((1.0, log), law, strict=True))
            for law in (d.relax_mean_uS, d.relax_sigma_uS)
        )
        if d.aged_sigma_uS:
            logs = np.log([t for t, _ in d.aged_sigma_uS])
            sigmas = np.stack([curve(c, g) for _, c in d.aged_sigma_uS])
            at = np.clip(log, logs[0], logs[-1])
            hi = int(np.clip(np.searchsorted(logs, at), 1, len(logs) - 1))
            w = (at - logs[hi - 1]) / (logs[hi] - logs[hi - 1])
            sigma = (1 - w) * sigmas[hi - 1] + w * sigmas[hi]
            return mean, np.maximum(sigma**2 - sigmas[0] ** 2, 0.0)
        return mean, np.maximum(spread, 0.0) ** 2

    def aged(self, g, devices, recalibrated):
        """The conductances at the last calibration, or when used."""
        d, op = self.device, self.circuit.operation
        mean_cal, var_cal = self.relaxation(g, self.t_cal)
        mean_now, var_now = self.relaxation(g, op.age_s)
        first, second = (
            of_shape(z, shape_at_age(d.relax_quantiles, age_s), g)
            for z, age_s in zip(devices.relax, (self.t_cal, op.age_s), strict=True)
        )
        age_s, mean, walk = self.t_cal, mean_cal, np.sqrt(var_cal) * first
        if not recalibrated:
            age_s, mean = op.age_s, mean_now
            walk = walk + np.sqrt(np.maximum(var_now - var_cal, 0.0)) * second
        new = np.maximum(g + mean + walk, 0.0)
        if age_s > d.drift_t0_s:
            with np.errstate(divide="ignore", invalid="ignore"):
                log = np.nan_to_num(np.log(g / d.g_max_uS))
            nu, spread = (
                np.clip(log * line[0] + line[1], line[2], line[3]) if isinstance(line, tuple) else line
                for line in (d.drift_nu, d.sigma_drift_nu)
            )
            new = new * (age_s / d.drift_t0_s) ** -(nu + spread * devices.nu)
        new = new * (1 + d.rtn_amplitude_rel * devices.rtn[0 if recalibrated else 1])
        return np.where(devices.off | devices.on, g, new)

    # ---- the ramp

    def device_uA(self, v, g):
        beta = self.device.nonlinearity_per_V2
        return g * v * (1 + beta * v**2) / (1 + beta * self.device.v_read_V**2)

    def seen_through(self, v, g, r_MOhm):
        """(current of a device with a resistance in series, µA; its change with small voltages, µS).

        The current by bisection; the change where the whole voltage is across the device.
        """
        low, high = np.minimum(v, 0.0), np.maximum(v, 0.0)
        for _ in range(50):
            middle = (low + high) / 2
            above = middle + r_MOhm * self.device_uA(middle, g) > v
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        slope = (self.device_uA(v + 1e-4, g) - self.device_uA(v - 1e-4, g)) / 2e-4
        return self.device_uA(high, g), slope / (1 + r_MOhm * slope)

    def after(self, state, devices, ramp, s=0.0, dt_K=0.0):
        """(settled ramp, output) after one step, both referred, from those before it, by Runge-Kutta steps in time.

        `devices` are those of the step that conduct: (entry, conductances) of each.
        """
        c, d, r, op = self.circuit, self.device, self.circuit.ramp, self.circuit.operation
        w = d.v_read_V * (1 + s)
        beta = d.nonlinearity_per_V2
        m = (1 + s) * (1 + beta * w**2) / (1 + beta * d.v_read_V**2)
        u = m * (1 + d.tc_rel_per_K * dt_K) / op.c_corner_rel
        c_fF = self.c_fF * ramp.c * op.c_corner_rel
        tau = r.tau_settle_ns * op.speed_corner_rel
        share = 0.0 if r.opamp_gain is None else 1 / (1 + r.opamp_gain)
        first, n = devices[0][0], len(ramp.c)
        t_on = np.maximum(first.t - ramp.t_loss * op.speed_corner_rel + ramp.taps[:, first.tap - 1], 0.0)
        current, change = np.zeros(n), np.zeros(n)
        for entry, g in devices:
            held = g * (1 + ramp.gamma * entry.row) * (1 + d.tc_rel_per_K * dt_K)
            more = self.seen_through(entry.sign * w * (1 + ramp.v) + ramp.v_os, held, entry.r)
            current, change = current + more[0], change + more[1]
        leak_uA, g_leak = r.g_leak_uS * ramp.v_os, r.g_leak_uS
        v, out = state[0] + len(devices) * ramp.q * (t_on > 0) / (c_fF * u), state[1]
        rest = np.maximum(first.n_clk * c.t_clk_ns - t_on, 0.0)
        for t, drive_uA, conducts in ((t_on, current + leak_uA, change + g_leak), (rest, leak_uA, g_leak)):

            def slope(state, drive_uA=drive_uA, conducts=conducts):
                v, out = state
                ground_V = u * (v * share + (v - out) * (1 - share)) if tau else u * v * share
                rise = (drive_uA - conducts * ground_V) / (c_fF * u)
                return [rise, (v - out) / tau if tau else rise]

            steps = math.ceil(8 * t.max() / tau) + 1 if tau else 4
            state = [v, out if tau else v]
            for _ in range(steps):
                state = _rk4(slope, state, t / steps)
            v, out = state
        return v, out

    def before(self, n, ramp, u):
        """(settled ramp, output) ahead of all entries; u: actual volts per referred one."""
        v = np.full(n, 0.0 if self.n_bias else self.v[0])
        if not self.circuit.ramp.auto_zero:
            v = v + ramp.v_os / u
        return v, v

    def volts(self, s=0.0, dt_K=0.0):
        """Actual volts per referred one."""
        d = self.device
        beta, w = d.nonlinearity_per_V2, d.v_read_V * (1 + s)
        m = (1 + s) * (1 + beta * w**2) / (1 + beta * d.v_read_V**2)
        return m * (1 + d.tc_rel_per_K * dt_K) / self.circuit.operation.c_corner_rel

    def ramp(self, g, ramp, s=0.0, dt_K=0.0):
        """The referred ramp at each threshold of the column, settled and as it is held: two of (n, K)."""
        state = self.before(len(g), ramp, self.volts(s, dt_K))
        out = [state]
        ends = [*range(1, self.n_bias + 1), *self.reached[1:]]
        for first, end in zip([0, *ends], ends, strict=False):
            devices = [(self.entries[k], g[:, k]) for k in range(first, end)]
            state = self.after(state, devices, ramp, s, dt_K)
            out.append(state)
        return tuple(np.stack(each, axis=1) for each in zip(*out[self.n_bias :], strict=True))

    # ---- calibrations

    def program(self, n, ramp, devices_of):
        d, g = self.device, np.zeros((n, len(self.entries)))
        if "ramp_aware" not in self.words:
            for k, entry in enumerate(self.entries):
                g[:, k] = self.realise(np.full(n, entry.g), k, devices_of)
            return g
        start = now = self.before(n, ramp, self.volts())
        ideal, devices = 0.0 if self.n_bias else self.v[0], []
        for k, entry in enumerate(self.entries):
            if entry.n_clk:
                start, devices = now, []
            shown = now[0] + self.level_error(g[:, :k], devices_of.off)
            more = entry.sign * (shown - ideal) * self.c_fF / (d.v_read_V * entry.t)
            g[:, k] = self.realise(np.clip(entry.g - more, d.g_min_uS, d.g_max_uS), k, devices_of)
            devices.append((entry, self.steps_read(g[:, k], k, devices_of.off[:, k])))
            now = self.after(start, devices, ramp)
            ideal = entry.v_after
        return g

    def one_column(self, n, drivers):
        """(held ramp in use, measured one at calibration, conductances in use), after programming and correction."""
        op, d = self.circuit.operation, self.device
        ramp, devices = SimpleNamespace(**{**vars(self.draw_ramp(n)), **drivers}), self.draw_devices(n)
        g = self.program(n, ramp, devices)
        calm = [self.aged(g, devices, recalibrated) for recalibrated in (True, False)]
        then_g, used_g = (self.flickering(each, devices, at) for at, each in enumerate(calm))
        seen, seen_bias = self.measure(then_g, ramp, devices.off)
        mid = (len(self.v) - 1) // 2
        if "one_point_bias" in self.words:
            off, mean_g = seen[:, mid] - self.v[mid], seen_bias.mean(axis=1)
            for k in range(self.n_bias):
                entry = self.entries[k]
                more = entry.sign * off * self.c_fF / (self.n_bias * d.v_read_V * entry.t)
                # It goes on ageing from there as it would have without.
                since = calm[1][:, k] - calm[0][:, k]
                calm[0][:, k] = self.realise(np.clip(mean_g - more, d.g_min_uS, d.g_max_uS), k, devices)
                calm[1][:, k] = np.maximum(calm[0][:, k] + since, 0.0)
            then_g, used_g = (self.flickering(each, devices, at) for at, each in enumerate(calm))
            seen = self.measure(then_g, ramp, devices.off)[0]
        shift, gain = np.zeros(n), np.ones(n)
        if "one_point" in self.words:
            shift = self.v[mid] - seen[:, mid]
        if "two_point" in self.words:
            gain = (self.v[-1] - self.v[0]) / (seen[:, -1] - seen[:, 0])
            shift = self.v[0] - gain * seen[:, 0]
        dt_K = op.temperature_K - 300.0
        s = op.v_read_change_rel
        beta, v_read = d.nonlinearity_per_V2, d.v_read_V
        m = (1 + s) * (1 + beta * (v_read * (1 + s)) ** 2) / (1 + beta * v_read**2)
        common = m * (1 + d.tc_rel_per_K * dt_K)
        self.u = common / op.c_corner_rel
        if op.references == "fixed":
            # The corrected ramp stays where it was calibrated; the MAC's voltage does not.
            used = (gain[:, None] * self.ramp(used_g, ramp)[1] + shift[:, None]) / common
        else:
            used_g = used_g * (1 + d.sigma_tc_rel_per_K * devices.tc * dt_K / (1 + d.tc_rel_per_K * dt_K))
            used = gain[:, None] * self.ramp(used_g, ramp, s, dt_K)[1] + shift[:, None]
        return used, gain[:, None] * seen + shift[:, None], used_g, devices.off

    def ramps(self, n):
        """The ramp in use, (n, K of the goal), referred volts; the conductances are kept in `self.g`."""
        drivers = {name: getattr(self.draw_ramp(n), name) for name in ("v", "t_loss", "taps", "gamma")}
        columns = [self.one_column(n, drivers) for _ in range(self.n_redundant)]
        worst = np.stack([self.goal.max_inl(self.picked(seen) / self.a) for _, seen, *_ in columns])
        best, rows = np.argmin(worst, axis=0), np.arange(n)
        self.g = np.stack([g for _, _, g, _ in columns])[best, rows]
        self.off = np.stack([off for *_, off in columns])[best, rows]
        return np.stack([used for used, *_ in columns])[best, rows]

    def picked(self, v):
        share = self.column.m // self.goal.m
        return v[:, share - 1 :: share] if share > 1 else v

    # ---- comparator and column

    def timed(self):
        """Delay, regeneration and pre-amplifier in ns; none of an ideal comparator."""
        c, on = self.circuit.comparator, self.circuit.comparator.kind != "ideal"
        return [
            on * self.circuit.operation.speed_corner_rel * t for t in (c.t_delay_ns, c.tau_latch_ns, c.tau_preamp_ns)
        ]

    def followed(self, v):
        """The pre-amplifier's output as each level is held, and when the next one is."""
        tau = self.timed()[2]
        if not tau:
            return v, v
        holds = [*self.clocks[1:], 1]  # a level is held while the next step is made
        begin, end = [v[:, 0]], [v[:, 0]]
        for k in range(1, v.shape[1]):
            begin.append(end[-1])
            now = begin[-1]
            for _ in range(holds[k - 1]):
                now = now - (v[:, k] - now) * math.expm1(-self.circuit.t_clk_ns / tau)
            end.append(now)
        return np.stack(begin, axis=1), np.stack(end, axis=1)

    def lagged(self, v):
        """The held ramp as a comparator samples it; one in continuous time looks at its pre-amplifier all the time."""
        return v if self.circuit.comparator.kind == "continuous" else self.followed(v)[1]

    def latch(self, v, behind, x, t):
        """The latch's voltage a time t (ns, without the delay) after the first level, for MAC levels x; actual volts.

        v, behind: (..., K) the staircase and the pre-amplifier's lag as each level is held; x: (...), below the last.
        """
        _, tau, tau_p = self.timed()
        at = np.arange(v.shape[-1]) * self.circuit.t_clk_ns
        over = v - x[..., None]
        first = np.argmax(over > 0, axis=-1)
        a, lag = (np.take_along_axis(each, first[..., None], -1)[..., 0] for each in (over, behind))
        crossed = at[first] + tau_p * np.log(np.maximum(lag / a, 1.0))
        from_it = np.where(lag > a, a * tau, a * (tau + tau_p) - np.maximum(lag, 0.0) * tau_p) / (tau + tau_p)
        grown = np.where(t > crossed, from_it * np.exp(np.minimum((t - crossed) / tau, 60.0)), 0.0)
        later = (np.arange(v.shape[-1]) > first[..., None]) & (at <= t + 1e-9 * self.circuit.t_clk_ns)
        rises = np.diff(v, axis=-1, prepend=v[..., :1]) * tau / (tau + tau_p)
        return grown + (later * rises * np.exp(np.minimum((t - at) / tau, 60.0))).sum(axis=-1)

    def decided(self, v, behind, x, t):
        """Whether inputs x (actual volts) have been decided a time t after the first level."""
        d, tau, tau_p = self.timed()
        below = x < v.max(axis=-1)
        if tau > 0:
            return below & (
                self.latch(v, behind, np.where(below, x, v[..., 0] - 1.0), t - d) >= self.circuit.comparator.v_logic_V
            )
        at = np.arange(v.shape[-1]) * self.circuit.t_clk_ns
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            over = v - x[..., None]
            crossed = at + (tau_p * np.log(np.maximum(behind / over, 1.0)) if tau_p else 0.0)
        return ((over > 0) & (crossed <= t - d + 1e-9 * self.circuit.t_clk_ns)).any(axis=-1)

    def shift(self):
        """Clocks by which the counter starts later."""
        d, tau, tau_p = (t / self.circuit.operation.speed_corner_rel for t in self.timed())
        clocks = max(math.ceil(d / self.circuit.t_clk_ns - 1e-9), 1 if tau + tau_p > 0 else 0)
        return clocks if self.circuit.comparator.delay_removed else 0

    def effective(self, v):
        """The MAC level below which the count of each threshold is reached (n, K), referred volts, by bisection."""
        behind = (v - self.followed(v)[0]) * self.u
        comparator = self.circuit.comparator
        if comparator.kind == "strobed" and comparator.tau_latch_ns > 0 and comparator.undecided != "random":
            return np.stack([self.mean_crossing(v[:, : k + 1]) for k in range(v.shape[1])], axis=1)
        v = np.maximum.accumulate(v, axis=1)  # where a ramp runs backwards, its first crossing decides
        if comparator.kind != "continuous":
            return v
        out, actual = np.empty_like(v), v * self.u
        for j in range(v.shape[1]):
            low, high = actual[:, 0] - 2 * np.ptp(actual, axis=1), actual[:, -1] + 1e-9
            for _ in range(45):
                x = (low + high) / 2
                soon = self.decided(actual, behind, x, (j + self.shift()) * self.circuit.t_clk_ns)
                low, high = np.where(soon, x, low), np.where(soon, high, x)
            out[:, j] = low
        return out / self.u

    def mean_crossing(self, v):
        """Mean of the highest of the levels v (n, k), each moved up or down by half a window with the same chance."""
        w = self.half_window()
        highest = -np.sort(-v, axis=1)
        chance = 0.5 ** np.arange(1, v.shape[1] + 1)
        up = np.maximum(highest + w, highest[:, :1] - w)
        return up @ chance + chance[-1] * (highest[:, 0] - w)

    def convert(self, v, level):
        """Index of the bin of each MAC level (referred volts) for one ramp v (K,), clock by clock."""
        k, behind = len(v), (v - self.followed(v[None])[0][0]) * self.u
        ramps = np.broadcast_to(v * self.u, (len(level), k))
        index = np.full(len(level), k)
        for j in range(k)[::-1]:
            by_then = self.decided(
                ramps, np.broadcast_to(behind, ramps.shape), level * self.u, (j + self.shift()) * self.circuit.t_clk_ns
            )
            index[by_then] = j
        return index

    def undecided(self, v, level):
        """Whether a strobed comparator met an overdrive in which its latch does not reach the logic swing."""
        c, speed = self.circuit, self.circuit.operation.speed_corner_rel
        left = c.t_clk_ns - c.comparator.t_delay_ns * speed
        grown = np.abs(self.u * (v[None, :] - level[:, None])) * np.exp(left / (c.comparator.tau_latch_ns * speed))
        return (grown < c.comparator.v_logic_V).any(axis=1)

    def half_window(self):
        """Inputs (referred volts) so near to a level leave a strobed latch undecided."""
        c, speed = self.circuit, self.circuit.operation.speed_corner_rel
        left = c.t_clk_ns - c.comparator.t_delay_ns * speed
        return c.comparator.v_logic_V * math.exp(-left / (c.comparator.tau_latch_ns * speed)) / self.u

    def strobed(self, v, level):
        """Codes of MAC levels (referred volts) on one ramp v (K,), strobe by strobe; an undecided latch is chance.

        `neighbour` goes one way or the other; `mixture` mixes the words of the codes before and after bit by bit;
        `random` is any code.
        """
        kind, codes = self.circuit.comparator.undecided, self.goal.codes
        over = v[None, :] - level[:, None]
        lost = np.abs(over) < self.half_window()
        flips = np.where(lost, self.rng.random(over.shape) < 0.5, over > 0)
        first = np.where(flips.any(axis=1), flips.argmax(axis=1), v.size)
        code = codes[first]
        met = lost & (np.arange(v.size) <= first[:, None])
        if kind == "random":
            # Inputs that no strobe has lost keep their code.
            still = codes[np.where((over > 0).any(axis=1), (over > 0).argmax(axis=1), v.size)]
            return np.where(lost.any(axis=1), self.rng.integers(0, self.goal.m, len(code)), still)
        if kind == "mixture":
            at = np.where(met.any(axis=1), v.size - 1 - met[:, ::-1].argmax(axis=1), 0)
            before, after = codes[at], codes[at + 1]
            mask = self.rng.integers(0, self.goal.m, len(code))
            code = np.where(met.any(axis=1), (before & mask) | (after & ~mask), code)
        return code

    def draw_column(self, n):
        """(gain error, offset in actual volts) of n columns after their trims, and what of it is the MAC's own."""
        mac, comparator = self.circuit.mac, self.circuit.comparator
        eps = mac.sigma_gain_rel * self.normal(n)
        mac_offset = mac.sigma_offset_V * self.normal(n)
        offset = comparator.sigma_offset_V * self.normal(n) - mac_offset
        return (
            _trimmed(eps, mac.gain_trim_step_rel, mac.gain_trim_range_rel),
            _trimmed(offset, comparator.trim_step_V, comparator.trim_range_V),
            mac_offset,
        )

    def inputs_at(self, v_eff, eps, offset, mac_offset=0.0):
        """The thresholds in x of columns with given errors."""
        clip = self.circuit.mac.v_clip_V
        actual = self.u * v_eff + offset[:, None]
        t = actual / self.u / (self.a * (1 + eps[:, None]))
        if clip is not None:
            # The MAC clips with its own offset in it: what must be reached is the comparator's side alone.
            wanted = actual + np.reshape(mac_offset, (-1, 1))
            t = np.where(wanted > clip, np.inf, np.where(wanted < -clip, -np.inf, t))
        return t

    def thresholds(self, n):
        """Realised thresholds in x of n single columns (n, K)."""
        self.v_seen = self.picked(self.effective(self.lagged(self.ramps(n))))
        self.eps, self.offset, mac_offset = self.draw_column(n)
        return self.inputs_at(self.v_seen, self.eps, self.offset, mac_offset)

    # ---- noise

    def noisy(self, v, g, n, off=False):
        """n noisy readings (n, K) of one chip's ramp v (K,), conductances g, some stuck off, each device read anew."""
        c, d, mac = self.circuit, self.device, self.circuit.mac
        shape = (n, len(self.entries))
        kelvin = c.operation.temperature_K
        warm = 1 + d.tc_rel_per_K * (kelvin - 300.0)
        stuck = np.broadcast_to(off, g.shape)
        charge = np.array([self.read_charge(g[k], e.t, stuck[k]) for k, e in enumerate(self.entries)])
        each = charge / self.c_fF * self.normal(*shape)
        # Thermal noise is a charge, whatever the read voltage: it is referred like the ramp of the devices.
        heat = 2 * BOLTZMANN_FC_V * kelvin * g * warm * np.array([e.t for e in self.entries]) * c.ramp.thermal_noise
        each += np.sqrt(heat) / (self.c_fF * c.operation.c_corner_rel) / self.u * self.normal(*shape)
        # Devices of a step share their pulse: the first one's draw is that of all.
        pulse = np.cumsum([i < self.n_bias or e.step for i, e in enumerate(self.entries)]) - 1
        each += g * d.v_read_V * c.ramp.sigma_jitter_ns / self.c_fF * self.normal(*shape)[:, pulse]
        each += c.ramp.sigma_step_V / self.u * np.array([e.step for e in self.entries]) * self.normal(*shape)
        walk = np.concatenate([np.zeros((n, 1)), np.cumsum(each, axis=1)], axis=1)[:, self.reached]
        fresh = c.comparator.noise_per == "strobe"
        strobes = c.comparator.sigma_noise_V / self.u * self.normal(*walk.shape) * fresh
        thermal = BOLTZMANN_FC_V * c.operation.temperature_K / (self.c_fF * c.operation.c_corner_rel)
        once = math.sqrt(thermal) * (c.ramp.ktc_noise * self.normal(n) - mac.ktc_noise * self.normal(n))
        once += c.comparator.sigma_noise_V * (not fresh) * self.normal(n) - mac.sigma_noise_V * self.normal(n)
        return v + self.picked(walk + strobes) + once[:, None] / self.u

    # ---- arrays

    def array(self, n, measure):
        """The measure of n chips with many columns: the worst of those that are needed."""
        sizes = self.circuit.array
        v = [self.picked(self.effective(self.lagged(self.ramps(n)))) for _ in range(sizes.n_ramps)]
        total = sizes.n_columns + sizes.n_spare
        each = [measure(self.inputs_at(v[i * sizes.n_ramps // total], *self.draw_column(n))) for i in range(total)]
        return np.sort(each, axis=0)[sizes.n_columns - 1]


def _trimmed(error, step, reach):
    most = math.floor(reach / step + 1e-9) if step > 0 else 0
    return error - np.clip(np.round(error / step), -most, most) * step if step > 0 else error


def _rk4(slope, state, h):
    """One Runge-Kutta step."""

    def moved(share, slopes):
        return [x + share * h * k for x, k in zip(state, slopes, strict=True)]

    k1 = slope(state)
    k2 = slope(moved(0.5, k1))
    k3 = slope(moved(0.5, k2))
    k4 = slope(moved(1.0, k3))
    return [x + h / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]
