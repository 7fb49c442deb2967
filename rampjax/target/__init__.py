"""Nonlinear functions, output levels and thresholds: what a ramp column is asked to compute."""
