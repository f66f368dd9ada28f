"""From words to a dataclass of arguments, and from there to a run and an exit status."""
