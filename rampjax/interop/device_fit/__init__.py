"""From measured conductances to a device file."""
