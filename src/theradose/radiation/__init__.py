"""Radiation: what a decay emits and how it travels through matter."""
