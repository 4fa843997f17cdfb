"""Absorbed dose from time-integrated activity."""

# Importing an engine's module registers it.
from theradose.dose import local as local
