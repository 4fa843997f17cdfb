"""A department validates its chain from DICOM to dose with its own phantom.

The phantom and the calibration of its camera are simulated first, so that the example runs alone; a department puts its
DICOM and its record in their place, writes `phantom.yaml` and calls `theradose validate --site phantom.yaml`.
"""

from pathlib import Path

import yaml

from theradose.model.calibration import SourceGeometry
from theradose.quantify.source_factor import KnownDeadTime
from theradose.simulate.calibration import simulate_cylinder, simulate_spheres
from theradose.simulate.site_phantom import simulate_site_phantom
from theradose.validation.site import validate_site
from theradose.workflow.calibrate_camera import calibrate_camera
from theradose.workflow.calibrate_recovery import RecoveryOptions, calibrate_recovery
from theradose.workflow.calibration_record import RecordTarget
from theradose.workflow.camera_factor import CameraOptions
from theradose.workflow.source_images import RegionChoice

FOLDER = Path("site")
RECORD = "calibration/camera.yaml"
DEAD_TIME = KnownDeadTime(4.0, None, "paralysable")


def calibrate(folder):
    """Factor from a cylinder, recovery from spheres, as the department would with `theradose calibrate`."""
    target = RecordTarget(folder / RECORD, "camera", "Lu-177", name="SIM-SPECT-1")
    cylinder = simulate_cylinder(folder)
    source = RegionChoice(SourceGeometry(shape="cylinder", diameter_mm=200, height_mm=180), margin_mm=30)
    calibrate_camera(
        cylinder.image,
        target,
        CameraOptions(source, cylinder.activity_mbq, cylinder.activity_at, 0.01, dead_time=DEAD_TIME),
    )
    spheres = simulate_spheres(folder)
    calibrate_recovery(
        spheres.image, target, RecoveryOptions(spheres.table, 1.5, spheres.activity_at, 0.015, dead_time=DEAD_TIME)
    )


def main():
    phantom = simulate_site_phantom(FOLDER)
    calibrate(FOLDER)
    content = yaml.safe_load(phantom.read_text())
    content |= {"performed_by": "A. Physicist", "calibration": {"record": RECORD, "resolution": "7.4 mm"}}
    phantom.write_text(yaml.safe_dump(content, sort_keys=False))

    done = validate_site(phantom)
    for check in done.checks:
        print(f"{check.insert:14s} {check.quantity:15s} {check.deviation:+6.1%}  {check.verdict}")
    print("passed" if done.passed else "NOT PASSED", done.certificate)


if __name__ == "__main__":
    main()
