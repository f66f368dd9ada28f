"""Configs of the families for speech and other sound."""
