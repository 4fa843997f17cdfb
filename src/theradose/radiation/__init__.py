"""Spectra, cross sections, stopping powers, kernels and transport."""
