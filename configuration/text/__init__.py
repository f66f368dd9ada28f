"""Configurations of families that read text."""
