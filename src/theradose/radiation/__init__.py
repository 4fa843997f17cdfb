"""Radiation physics: emissions, materials, cross sections, transport and kernels."""
