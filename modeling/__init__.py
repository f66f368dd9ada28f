"""The networks: one file per family, and what they share."""
