"""From the input of a plan of radioembolisation to its request: the images that it names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from theradose.acquire.load import load_ct, load_emission, load_map
from theradose.acquire.regions import load_regions
from theradose.dose.tare.products import load_product
from theradose.errors import PlanError, TheradoseError
from theradose.model.contour import ContourSet
from theradose.model.finding import Finding
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels, Segmentation
from theradose.nuclides import load_nuclide
from theradose.plan.inputs.tare import ImageInput, TareInput, VerificationInput
from theradose.plan.tare.request import TareImage, TareRequest
from theradose.plan.tare.verification import BREMSSTRAHLUNG
from theradose.quantify.activity import to_activity_map
from theradose.spatial.density import density_map
from theradose.spatial.naming import canonical_region
from theradose.spatial.rasterise import rasterise
from theradose.spatial.resample import resample_segmentation
from theradose.workflow.map_files import read_density
from theradose.workflow.timepoints import placed

ReadValues = Callable[[TareInput, ImageInput, Path], tuple[Volume, tuple[Finding, ...]]]

_WHOLE = "liver"
_FIRST_ZONE = timedelta(hours=14)


def tare_request(inputs: TareInput, folder: Path) -> TareRequest:
    """Return the request of a plan.

    Parameters
    ----------
    inputs : TareInput
        As stated.
    folder : Path
        To which the paths in the input are relative.

    Raises
    ------
    TheradoseError
        In one sentence, for a file that is missing or cannot be read.
    """
    _check_moment(inputs.verification)
    scout = None if inputs.scout is None else _image(inputs, inputs.scout, folder, "scout", _scout_values)
    treated = None if inputs.verification is None else inputs.verification.image
    delivered = None if treated is None else _image(inputs, treated, folder, "verification", _treatment_values)
    return TareRequest(inputs, scout, delivered)


def _check_moment(verification: VerificationInput | None) -> None:
    """Refuse a treatment in the future; a time without zone counts in the zone where the day begins first."""
    if verification is None or verification.administered_at is None:
        return
    earliest = verification.administered_at
    if earliest.tzinfo is None:
        earliest = earliest.replace(tzinfo=UTC) - _FIRST_ZONE
    if earliest > datetime.now(UTC):
        raise PlanError(
            f"The verification says that the treatment was on {verification.administered_at:%Y-%m-%d %H:%M}, which is "
            "still to come: correct 'administered_at'.",
            code="tare-verification",
        )


def _image(inputs: TareInput, stated: ImageInput, folder: Path, where: str, values_of: ReadValues) -> TareImage:
    try:
        values, findings = values_of(inputs, stated, _existing(folder, stated.image))
        density, density_findings = _density(stated, folder, values.grid)
        segmentation, region_findings = _segmentation(stated, folder, stated.regions, values.grid)
        regions = _Regions(segmentation)
        liver = regions.union((*stated.liver, *stated.tumours))
        territories = {}
        for item in inputs.perfused_volumes:
            own = regions
            if item.outline is not None:
                drawn, noticed = _segmentation(stated, folder, item.outline, values.grid)
                own, region_findings = _Regions(drawn), (*region_findings, *noticed)
            territories[item.name] = own.union(item.regions or (item.name,))
        found = (*findings, *density_findings, *region_findings)
        return TareImage(
            values,
            density,
            liver,
            territories or {_WHOLE: liver},
            {name: regions.voxels(name) for name in stated.tumours},
            regions.union(stated.lungs) if stated.lungs else None,
            tuple(replace(item, message=_of_plan(item.message, where)) for item in placed(found, where)),
        )
    except TheradoseError as error:
        # The sentence is the layer's own; only the place is added.
        raise type(error)(f"In '{where}': {_of_plan(str(error), where)}", code=error.code) from None


def _of_plan(sentence: str, where: str) -> str:
    """Return a sentence of the image reader, which speaks of the files of a study, for the image of a plan."""
    place = f"the image of the plan ('{where}{'.image' if where == 'verification' else ''}')"
    return sentence.replace("the time point", place)


def _density(stated: ImageInput, folder: Path, grid: Grid) -> tuple[DensityMap, tuple[Finding, ...]]:
    if stated.ct is not None:
        ct, findings = load_ct(_existing(folder, stated.ct))
        density, noticed = density_map(ct, grid)
        return density, (*findings, *noticed)
    density = read_density(_existing(folder, stated.density or ""))
    if not density.grid.matches(grid):
        raise PlanError(
            f"'{stated.density}' and '{stated.image}' have different voxels: give the density on those of the image, "
            "or a CT.",
            code="grid-mismatch",
        )
    return density, ()


def _segmentation(stated: ImageInput, folder: Path, name: str, grid: Grid) -> tuple[Segmentation, tuple[Finding, ...]]:
    labels = {name: (str(label),) for name, label in stated.labels.items()}
    found, findings = load_regions(_existing(folder, name), names=labels)
    if isinstance(found, ContourSet):
        drawn, noticed = rasterise(found, grid, fractional=True)
        return drawn, (*findings, *noticed)
    return resample_segmentation(found, grid), findings


@dataclass(frozen=True, slots=True)
class _Regions:
    """Regions of a file under the names that a user may write."""

    segmentation: Segmentation

    def union(self, names: Sequence[str]) -> RegionVoxels:
        """Return everything that lies in one of the regions."""
        whole = np.zeros(self.segmentation.grid.shape, np.float32)
        for name in names:
            voxels = self.voxels(name)
            np.maximum(whole[voxels.box], voxels.fraction, out=whole[voxels.box])
        return RegionVoxels.from_mask(whole)

    def voxels(self, name: str) -> RegionVoxels:
        """Return the voxels of a region by its name in the file or its canonical name."""
        wanted = canonical_region(name).name
        for known in self.segmentation.names:
            if name == known or wanted == canonical_region(known).name:
                voxels = self.segmentation.voxels_of(known)
                if voxels.voxel_count > 0:
                    return voxels
        raise PlanError(
            f"There is no region '{name}' on the image: the regions are {', '.join(self.segmentation.names)}.",
            code="tare-region",
        )


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.exists():
        raise PlanError(f"There is no file '{name}' beside the input: correct the path.", code="file-missing")
    return path


def _scout_values(inputs: TareInput, stated: ImageInput, path: Path) -> tuple[Volume, tuple[Finding, ...]]:
    return load_map(path), ()


def _treatment_values(inputs: TareInput, stated: ImageInput, path: Path) -> tuple[Volume, tuple[Finding, ...]]:
    """Return MBq/mL at the administration, or the pattern of a bremsstrahlung image."""
    verification = inputs.verification
    if verification is None or verification.kind == BREMSSTRAHLUNG or verification.administered_at is None:
        return load_map(path), ()
    nuclide = load_nuclide(load_product(inputs.product).nuclide)
    image, findings = load_emission(
        path,
        declaration=stated.declare,
        nuclide=nuclide.name,
        administration_start=verification.administered_at,
        timezone=verification.timezone,
    )
    activity, _, noticed = to_activity_map(
        image,
        start=verification.administered_at,
        timezone=verification.timezone,
        nuclide=nuclide,
        calibration=None,
    )
    decayed = math.exp(nuclide.decay_constant_per_h * activity.t_h)
    # What is not known of the calibration is 'u_activity', which every dose of the plan says for itself.
    noticed = tuple(finding for finding in noticed if finding.code != "calibration-u-not-stated")
    return Volume(activity.data * decayed, activity.grid), (*findings, *noticed)
