"""Radiation physics: emission spectra, interaction data, Monte Carlo transport and dose kernels."""
