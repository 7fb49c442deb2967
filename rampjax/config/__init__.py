"""Study and device files in TOML, checked whole, and the presets: what is simulated, as values."""
