"""From counts to activity concentration by the sensitivity of the camera."""

from __future__ import annotations

from theradose.errors import CalibrationError


def concentration_per_count(*, sensitivity_cps_per_mbq: float, duration_s: float, voxel_volume_ml: float) -> float:
    """Return MBq/mL per count in a voxel: 1/(sensitivity × duration × voxel volume).

    Parameters
    ----------
    sensitivity_cps_per_mbq : float
        Reconstructed counts per second and MBq, of the same protocol and scatter and attenuation correction.
    duration_s : float
        Time over which the counts were collected; 1 for images in counts per second.
    voxel_volume_ml : float
        Volume of a voxel.

    Raises
    ------
    CalibrationError
        If one of them is not positive.

    References
    ----------
    [Gear2018]_, section on the calibration factor, Q = C/A.
    """
    product = sensitivity_cps_per_mbq * duration_s * voxel_volume_ml
    if min(sensitivity_cps_per_mbq, duration_s, voxel_volume_ml) <= 0:
        raise CalibrationError(
            f"A sensitivity of {sensitivity_cps_per_mbq:g} cps/MBq over {duration_s:g} s in voxels of "
            f"{voxel_volume_ml:g} mL gives no activity: all three must be positive.",
            code="sensitivity-invalid",
        )
    return 1 / product
