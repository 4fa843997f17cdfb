"""Inputs of planners, one module each: the keys of ``INPUT.yaml``."""
