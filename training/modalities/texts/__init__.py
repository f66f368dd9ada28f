"""Texts: read, tokenized, prepared for a model, and embedded without one."""
