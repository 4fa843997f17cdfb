"""Nonlinear mixed-effects models: curves whose parameters vary between subjects around those of a population."""
