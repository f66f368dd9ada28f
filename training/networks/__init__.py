"""Our and other people's checkpoints: built, loaded, given heads."""
