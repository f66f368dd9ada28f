"""Where samples come from: every kind of dataset as raw splits."""
