"""UIDs of the SOP classes used, and reproducible UIDs for what we write."""

from __future__ import annotations

import hashlib

NM_IMAGE = "1.2.840.10008.5.1.4.1.1.20"
PET_IMAGE = "1.2.840.10008.5.1.4.1.1.128"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"
RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"


def derive_uid(*parts: str) -> str:
    """Return a UID under 2.25 that depends on `parts` alone (DICOM PS3.5, annex B.2).

    The same inputs give the same UID, so that an unchanged run writes identical files.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()[:16]
    return f"2.25.{int.from_bytes(digest, 'big')}"
