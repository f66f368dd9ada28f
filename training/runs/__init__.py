"""A run: its folder, lock, record, checkpoints and devices."""
