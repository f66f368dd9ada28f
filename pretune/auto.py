"""Registers every family with the Auto classes of transformers: `import pretune.auto`, then `AutoModel` knows them."""

from .modeling.families import register_families

register_families()
