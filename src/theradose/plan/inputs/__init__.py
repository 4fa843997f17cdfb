"""Inputs of the planners: what a person states, as text with units."""
