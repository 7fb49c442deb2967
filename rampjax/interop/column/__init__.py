"""A ramp column on a bench: its program, and what to do once its devices are measured."""
