"""Networks for speech and other sound: one file a family."""
