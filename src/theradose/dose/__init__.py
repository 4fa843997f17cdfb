"""Absorbed dose from time-integrated activity."""

# Importing an engine's module registers it; `local` is the first.
from theradose.dose import local as local  # isort: skip
from theradose.dose import hybrid as hybrid
from theradose.dose import kernel as kernel
from theradose.dose import kernel_scaled as kernel_scaled
from theradose.dose import montecarlo as montecarlo
