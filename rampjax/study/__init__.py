"""Runs a validated study; owns its folder, its provenance and what it writes there."""
