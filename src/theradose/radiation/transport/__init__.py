"""Coupled photon and electron transport through voxels, on the processor and on a graphics card.

Every function of the physics is written once, as plain scalar Python, and compiled by numba for both. The package
takes and returns plain arrays and imports numpy and numba only, because a machine with a graphics card may have little
else.

Units inside: keV, cm, g/cm³ and g/cm² for paths. Axes and arrays go (z, y, x) = (0, 1, 2); a place between functions is
in units of voxels.
"""
