"""Physical constants of the transport, which reads no files; a test compares them with ``data/radiation``."""

from __future__ import annotations

ELECTRON_MASS_KEV = 510.99895
# Energy in keV times wavelength in Å.
HC_KEV_ANGSTROM = 12.398419843
