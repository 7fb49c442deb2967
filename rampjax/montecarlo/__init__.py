"""Many chips: the only room that owns the sample axis. Keys, blocks, devices, chunks, resume, statistics."""
