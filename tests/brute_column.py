"""An independent brute force of a ramp column with several pulse widths and several devices per step.

Plain NumPy in float64 over many chips at once, with NumPy's own generator, sharing no code with the package. It takes a
layout (thresholds, scale, capacitor, pulses, devices per step) and bare figures, and finds conductances, chips and
measures from the equations alone: the charge of a step, programming in order with every aim at what is missing as
measured, aims inside [g_min, g_max], and the definitions of worst INL, noise and mean square error.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import special
from twin_circuit import Goal, gelu, sigmoid, square

__all__ = [
    "Brute",
    "Figures",
    "Goal",
    "Layout",
    "brute_column",
    "gelu",
    "lay_out_shortest",
    "sigmoid",
    "square",
    "tanh",
]

_NODES, _WEIGHTS = special.roots_hermitenorm(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def tanh(bits):
    return Goal(np.tanh, bits, (-18.0, 18.0), y_ends=(-1.0, 1.0))


@dataclass(frozen=True)
class Figures:
    """What a device and its circuit are, in µS, V, ns and fC."""

    g_max_uS: float = 150.0
    g_min_uS: float = 0.0
    sigma_uS: tuple[float, ...] = (2.67,)  # powers of g
    sigma_read_uS: tuple[float, ...] = (0.0,)
    v_read_V: float = 0.2
    q_inj_fC: float = 0.0
    sigma_q_inj_fC: float = 0.0
    t_loss_ns: float = 0.0
    sigma_t_loss_ns: float = 0.0
    sigma_tap_ns: float = 0.0
    sigma_jitter_ns: float = 0.0
    tau_settle_ns: float = 0.0
    t_clk_ns: float = 1.0
    n_reads: int = 0
    n_levels: int | None = None  # targets that can be told apart, evenly spaced from g_min to g_max

    @classmethod
    def of(cls, design):
        """The figures of a design's device and circuit."""
        device, circuit, ramp = design.device, design.circuit, design.circuit.ramp
        names = ("q_inj_fC", "sigma_q_inj_fC", "t_loss_ns", "sigma_t_loss_ns", "sigma_tap_ns", "sigma_jitter_ns")
        return cls(
            g_max_uS=device.g_max_uS,
            g_min_uS=device.g_min_uS,
            sigma_uS=device.sigma_prog_uS,
            sigma_read_uS=device.sigma_read_uS,
            v_read_V=device.v_read_V,
            tau_settle_ns=ramp.tau_settle_ns,
            t_clk_ns=circuit.t_clk_ns,
            n_reads=circuit.n_reads,
            n_levels=device.n_levels,
            **{name: getattr(ramp, name) for name in names},
        )


@dataclass(frozen=True)
class Layout:
    """A column: the ramp aims at `v_ramp_V`; step k reads `n_devices[k]` devices, each for `widths[k]` grid units."""

    v_ramp_V: np.ndarray
    scale_V: float
    c_int_fF: float
    widths: np.ndarray
    unit_ns: float
    n_devices: np.ndarray = field(default_factory=lambda: np.array(1))

    @property
    def t_pulse_ns(self):
        return self.widths * self.unit_ns

    def g_uS(self, v_read_V):
        """c_int dV_k / (n_k t_k v_read): what each device of a step ideally has."""
        return np.diff(self.v_ramp_V) * self.c_int_fF / (self.n_devices * self.t_pulse_ns * v_read_V)

    @classmethod
    def of(cls, design):
        """The layout of a design, its conductances left out."""
        unit_ns = design.circuit.t_clk_ns / design.circuit.pulse_grid
        widths = np.rint(design.t_pulse_ns / unit_ns).astype(int)
        return cls(design.v_ramp_V, design.scale_V, design.c_int_fF, widths, unit_ns, design.n_devices)


def lay_out_shortest(goal, figures, grid, window_V=0.5):
    """The largest step is one full clock at g_max; every step gets the shortest pulse that g_max allows."""
    scale_V = window_V / np.abs(goal.t).max()
    steps_V = scale_V * np.diff(goal.t)
    c_int_fF = figures.g_max_uS * figures.v_read_V * figures.t_clk_ns / steps_V.max()
    widths = np.maximum(np.ceil(grid * steps_V / steps_V.max() - 1e-9), 1).astype(int)
    return Layout(scale_V * goal.t, scale_V, c_int_fF, widths, figures.t_clk_ns / grid)


@dataclass(frozen=True)
class Brute:
    """Measures of every chip, in LSB, and the chips themselves."""

    max_inl: np.ndarray
    rmse: np.ndarray
    noise: np.ndarray
    total: np.ndarray
    thresholds: np.ndarray
    g_uS: np.ndarray  # (chip, device)
    aim_uS: np.ndarray

    def mean(self, name):
        """Mean of a measure over the chips, and the mean's standard error."""
        values = getattr(self, name)
        return values.mean(), values.std() / np.sqrt(len(values))


class Integrator:
    """Capacitor and amplifier: the charge's voltage above the start, and what the output has of it.

    The output goes towards the charge, d held/dt = (v - held)/tau, and the current is that of v_read less the distance
    of the two, by which the virtual ground is off: the distance goes to its balance, where as much comes as goes, and
    what has flown into the output is the integral of the distance over tau.
    """

    def __init__(self, n):
        self.held_V, self.apart_V = np.zeros(n), np.zeros(n)

    @property
    def v_V(self):
        return self.held_V + self.apart_V

    def after(self, q_fC, g_uS, t_ns, rest_ns, f, c_fF):
        """One step of a pulse and the rest of its clocks."""
        new = Integrator(len(g_uS))
        start_V, tau = self.apart_V + q_fC / c_fF, f.tau_settle_ns
        if not tau:
            new.held_V = self.held_V + start_V + f.v_read_V * g_uS * t_ns / c_fF
            return new
        per_ns = g_uS / c_fF + 1 / tau
        balance_V = f.v_read_V * g_uS / c_fF / per_ns
        left = np.exp(-per_ns * t_ns)
        end_V = balance_V + (start_V - balance_V) * left
        new.apart_V = end_V * np.exp(-rest_ns / tau)
        flown_V = (balance_V * t_ns + (start_V - balance_V) * (1 - left) / per_ns) / tau
        new.held_V = self.held_V + flown_V + end_V - new.apart_V
        return new


def _curve(coefficients, g):
    if len(coefficients) == 1:
        return coefficients[0]
    return np.maximum(np.polynomial.polynomial.polyval(g, coefficients), 0.0)


def brute_column(goal, layout, figures, n=20_000, seed=0, ramp_aware=True):
    """Builds `n` chips of a layout and measures them."""
    rng = np.random.default_rng(seed)
    f, c_fF = figures, layout.c_int_fF
    n_devices = np.broadcast_to(layout.n_devices, layout.widths.shape)
    g_ideal = layout.g_uS(f.v_read_V)
    q_fC = f.q_inj_fC + f.sigma_q_inj_fC * rng.standard_normal(n)
    lost_ns = f.t_loss_ns + f.sigma_t_loss_ns * rng.standard_normal(n)
    tap_ns = f.sigma_tap_ns * rng.standard_normal((layout.widths.max() + 1, n))
    reached_V = np.full((n, len(layout.v_ramp_V)), layout.v_ramp_V[0])
    variance_V2 = np.zeros_like(reached_V)
    conductances, aims = [], []
    clocks = np.ceil(layout.t_pulse_ns / f.t_clk_ns - 1e-9)
    noise_V2 = np.zeros(n)
    true, seen = Integrator(n), Integrator(n)
    for k, (width, devices, g_k) in enumerate(zip(layout.widths, n_devices, g_ideal, strict=True)):
        t_ns = width * layout.unit_ns
        t_eff_ns = np.maximum(t_ns - lost_ns + tap_ns[width], 0.0)
        gain = f.v_read_V * t_ns / c_fF  # V per µS, ideally
        step_uS, seen_uS = np.zeros(n), np.zeros(n)  # of the devices that share the pulse, and so its jitter
        before_V = layout.v_ramp_V[k] - layout.v_ramp_V[0]
        now = seen
        for j in range(devices):
            aim = np.full(n, g_k)
            if ramp_aware:
                aim = np.clip(g_k - (now.v_V - before_V - j * g_k * gain) / gain, f.g_min_uS, f.g_max_uS)
            if f.n_levels:
                apart = (f.g_max_uS - f.g_min_uS) / (f.n_levels - 1)
                aim = f.g_min_uS + np.rint((aim - f.g_min_uS) / apart) * apart
            g = np.maximum(aim + _curve(f.sigma_uS, aim) * rng.standard_normal(n), 0.0)
            read = g
            if f.n_reads:
                # Each device is read by itself, in pulses of the ramp's own width, which jitter.
                felt_uS = np.hypot(_curve(f.sigma_read_uS, g), g * f.sigma_jitter_ns / t_ns)
                read = g + felt_uS / np.sqrt(f.n_reads) * rng.standard_normal(n)
            noise_V2 = noise_V2 + (_curve(f.sigma_read_uS, g) * gain) ** 2
            step_uS, seen_uS = step_uS + g, seen_uS + read
            rest_ns = np.maximum(clocks[k] * f.t_clk_ns - t_eff_ns, 0.0)
            now = seen.after((j + 1) * q_fC, seen_uS, t_eff_ns, rest_ns, f, c_fF)
            conductances.append(g)
            aims.append(aim)
        noise_V2 = noise_V2 + (step_uS * f.v_read_V * f.sigma_jitter_ns / c_fF) ** 2
        true, seen = true.after(devices * q_fC, step_uS, t_eff_ns, rest_ns, f, c_fF), now
        reached_V[:, k + 1] = layout.v_ramp_V[0] + true.held_V
        variance_V2[:, k + 1] = noise_V2
    thresholds = np.maximum.accumulate(reached_V, axis=1) / layout.scale_V
    return _measure(goal, thresholds, np.sqrt(variance_V2) / layout.scale_V, conductances, aims)


def _measure(goal, thresholds, sigma_x, conductances, aims):
    y = goal.y_lsb(thresholds)
    static = _square_error(goal, thresholds, y)
    noise, total = np.zeros(len(y)), static
    if sigma_x.any():
        total = np.zeros(len(y))
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            x = thresholds + node * sigma_x
            moved = goal.y_lsb(x)
            noise += weight * ((moved - y) ** 2).sum(axis=1) / goal.variation
            total += weight * _square_error(goal, x, moved)
    return Brute(
        max_inl=np.abs(y - goal.b).max(axis=1),
        rmse=np.sqrt(static),
        noise=np.sqrt(noise),
        total=np.sqrt(total),
        thresholds=thresholds,
        g_uS=np.stack(conductances, axis=1),
        aim_uS=np.stack(aims, axis=1),
    )


def _square_error(goal, x, y):
    """Mean of (Q(x) - g(x))² over equally likely outputs, LSB².

    With s the way that the output has gone, each bin contributes the integral of (g - y_c)² ds, from cumulative
    moments of g at its two ends; moments of g are polynomials of g on each branch.
    """
    ends = goal.y_ends
    sign = np.sign(np.diff(ends))

    def cumulative(power):
        full = np.concatenate([[0.0], np.cumsum(sign * np.diff(ends ** (power + 1)) / (power + 1))])
        branch = np.clip(np.searchsorted(goal.ends[1:-1], x, side="right"), 0, len(sign) - 1)
        inside = full[branch] + sign[branch] * (y ** (power + 1) - ends[branch] ** (power + 1)) / (power + 1)
        start, end = np.zeros((len(x), 1)), np.full((len(x), 1), full[-1])
        return np.diff(np.concatenate([start, inside, end], axis=1), axis=1)

    level = goal.codes + 0.5
    return (cumulative(2) - 2 * level * cumulative(1) + level**2 * cumulative(0)).sum(axis=1) / goal.variation
