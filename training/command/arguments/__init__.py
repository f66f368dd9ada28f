"""The arguments of the scripts, one dataclass a verb. Names are those of transformers' own training scripts."""
