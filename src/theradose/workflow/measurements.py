"""On which image and which voxels each region is measured."""

from __future__ import annotations

from dataclasses import replace

from theradose.model.activity import ActivityMap
from theradose.model.region import Segmentation
from theradose.model.transform import Registration, RigidTransform
from theradose.spatial.resample import resample_volume
from theradose.workflow.regions import Outlines

_CUBIC = 3


class Measurements:
    """Where each region is measured at each time point: on its own image, or aligned on the image it was drawn on."""

    def __init__(
        self, activities: dict[str, ActivityMap], outlines: Outlines, registrations: dict[str, Registration]
    ) -> None:
        self._activities = activities
        self._outlines = outlines
        self._registrations = registrations
        self._aligned: dict[tuple[str, str], ActivityMap] = {}

    def on(self, timepoint: str, region: str) -> tuple[ActivityMap, Segmentation]:
        """Return the activity map of a time point and the segmentation on the same grid that holds the region."""
        home = self._outlines.emission_home.get((timepoint, region))
        if home is None:
            return self._activities[timepoint], self._outlines.segmentations[timepoint]
        if (timepoint, home) not in self._aligned:
            self._aligned[timepoint, home] = self._align(timepoint, home)
        return self._aligned[timepoint, home], self._outlines.segmentations[home]

    def _align(self, timepoint: str, home: str) -> ActivityMap:
        activity, grid = self._activities[timepoint], self._activities[home].grid
        to_reference = self._registrations[home].transform.inverse()
        transform = RigidTransform(self._registrations[timepoint].transform.matrix @ to_reference.matrix)
        # A cubic spline follows an image that the camera has blurred over several voxels; linear interpolation would
        # blur it once more.
        moved = resample_volume(activity, grid, transform=transform, order=_CUBIC)
        return replace(activity, data=moved.data, grid=grid)
