"""Families that read text."""
