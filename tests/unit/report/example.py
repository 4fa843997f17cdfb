"""A made-up patient with seven regions and four time points, for tests and for looking at the documents."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from theradose.kinetics.integrate import integrate_curve
from theradose.model.activity import ActivityMap
from theradose.model.curve import CurveFit, TimeActivityCurve, TimeIntegratedActivity
from theradose.model.dose import DoseMap
from theradose.model.grid import Grid, Volume
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.model.result import (
    BudgetResult,
    ConstantResult,
    CurveResult,
    DvhCurve,
    DvhResult,
    Estimate,
    EvidenceLine,
    FileResult,
    FindingResult,
    FitResult,
    ImageResult,
    LimitResult,
    RegionResult,
    RegistrationResult,
    Result,
    TumourBurden,
    WholeBodyResult,
)
from theradose.nuclides import load_nuclide
from theradose.report.inputs import ReportCurves, ReportImages
from theradose.report.reporting import reporting_items
from theradose.spatial.overlay import AlignedPair
from theradose.uncertainty import source_group

TIMES_H = (4.1, 24.2, 96.5, 167.9)
ADMINISTERED_MBQ = 7340.0

# name, kind, centre as fraction of the body (x, y, z), radii in mm (x, y, z), MBq/mL at 24 h, half-life in h, HU
SHAPES = (
    ("left-kidney", "organ", (0.66, 0.66, 0.42), (26, 24, 52), 1.05, 51.0, 35),
    ("right-kidney", "organ", (0.34, 0.66, 0.42), (26, 24, 52), 0.98, 50.0, 35),
    ("liver", "organ", (0.33, 0.45, 0.64), (78, 62, 60), 0.27, 62.0, 60),
    ("spleen", "organ", (0.76, 0.60, 0.66), (28, 30, 46), 0.72, 58.0, 50),
    ("lesion-liver-1", "lesion", (0.28, 0.38, 0.68), (17, 16, 17), 4.2, 92.0, 55),
    ("lesion-liver-2", "lesion", (0.42, 0.52, 0.60), (11, 12, 11), 2.6, 84.0, 55),
    ("lesion-node-para-aortic", "lesion", (0.53, 0.58, 0.30), (10, 9, 14), 1.9, 101.0, 40),
)
TISSUE_DENSITY = 1.04
CONSTANTS = (
    ("half-life of Lu-177", 159.53, "h", "DDEP/LNHB, ENSDF files in EGSnrc", "verified"),
    ("mean electron energy of Lu-177", 147.47, "keV", "DDEP/LNHB, β, conversion and Auger electrons", "verified"),
    ("density of soft tissue", 1.04, "g/mL", "textbook form, the source's own text not read", "unverified"),
)
LOCAL_GY_G_PER_MBQ_H = 0.0851  # SCIENCE §0, 177Lu


def example_images(
    shape: tuple[int, int, int] = (36, 40, 48), spacing_mm: tuple[float, float, float] = (9.0, 9.0, 9.0),
    *, with_ct: bool = True,
) -> ReportImages:  # fmt: skip
    """Return images of the patient on a grid of any resolution."""
    grid = Grid.axis_aligned(shape, spacing_mm, (-200.0, -180.0, -900.0), "1.2.3")
    rng = np.random.default_rng(7)
    z, y, x = np.indices(shape, dtype=np.float32)
    extent = [n * d for n, d in zip(shape, spacing_mm, strict=True)]
    z, y, x = z * spacing_mm[0], y * spacing_mm[1], x * spacing_mm[2]
    body = ((x / extent[2] - 0.5) / 0.44) ** 2 + ((y / extent[1] - 0.5) / 0.33) ** 2 < 1
    activity = np.where(body, 0.035, 0.0)
    hu = np.where(body, 10.0, -1000.0)
    lungs = body & (z > 0.82 * extent[0]) & (np.abs(x / extent[2] - 0.5) > 0.08)
    hu[lungs & (((x / extent[2] - 0.5) / 0.38) ** 2 + ((y / extent[1] - 0.5) / 0.27) ** 2 < 1)] = -780.0
    spine = np.hypot(x / extent[2] - 0.5, y / extent[1] - 0.72) * extent[2] < 20
    hu[spine] = 380.0
    half_life = np.full(shape, 48.0)
    regions = []
    for name, kind, centre, radii, concentration, hours, ct in SHAPES:
        mask = (
            ((x / extent[2] - centre[0]) * extent[2] / radii[0]) ** 2
            + ((y / extent[1] - centre[1]) * extent[1] / radii[1]) ** 2
            + ((z / extent[0] - centre[2]) * extent[0] / radii[2]) ** 2
        ) < 1
        activity[mask], hu[mask], half_life[mask] = concentration, ct, hours
        regions.append((Region(name, RegionKind(kind), drafted_by="simulator"), RegionVoxels.from_mask(mask)))
    from scipy.ndimage import gaussian_filter

    blur = [5.0 / d for d in spacing_mm]
    blurred = np.maximum(gaussian_filter(activity, blur) * (1 + 0.05 * rng.standard_normal(shape)), 0)
    hu = gaussian_filter(hu, 0.4) + 9.0 * rng.standard_normal(shape)
    dose = LOCAL_GY_G_PER_MBQ_H * blurred * half_life / math.log(2) * 2 ** (24.2 / half_life) / TISSUE_DENSITY
    segmentation = Segmentation(grid, tuple(r for r, _ in regions), tuple(v for _, v in regions))
    reference = ActivityMap(blurred.astype(np.float32), grid, t_h=24.2, nuclide="Lu-177", calibration="NM-A")
    ct = Volume(hu.astype(np.float32), grid) if with_ct else None
    moved = np.roll(hu if with_ct else blurred, 1, axis=2).astype(np.float32)
    overlays = [
        AlignedPair(name, "ct" if with_ct else "emission", ct or reference, Volume(moved, grid))
        for name in ("tp1", "tp3", "tp4")
    ]
    rates = {
        f"tp{number}": Volume((0.05 * blurred * 2 ** (-t / 60)).astype(np.float32), grid)
        for number, t in enumerate(TIMES_H, 1)
    }
    return ReportImages(
        activity=reference, dose=DoseMap(dose.astype(np.float32), grid, engine="local"),
        segmentation=segmentation, ct=ct, dose_rates=rates, overlays=overlays,
    )  # fmt: skip


def example_curves(images: ReportImages) -> ReportCurves:
    """Return the fitted curves of the regions."""
    segmentation = images.segmentation
    return ReportCurves({name: example_tia(name, segmentation.volume_ml(name)) for name in segmentation.names})


def example_tia(name: str, volume_ml: float) -> TimeIntegratedActivity:
    """Return the fitted curve of one region."""
    _, kind, _, _, concentration, half_life_h, _ = next(shape for shape in SHAPES if shape[0] == name)
    rate, uptake = math.log(2) / half_life_h, 0.25
    t_h = np.array(TIMES_H)
    shape = np.exp(-rate * t_h) - np.exp(-uptake * t_h)
    activity = concentration * volume_ml * shape / shape[1] * np.array([1.03, 0.985, 1.012, 0.99])
    common = {"calibration:NM-A": 0.03, f"volume:{name}": 0.06 if kind == "lesion" else 0.02}
    curve = TimeActivityCurve(name, t_h, activity, 0.04 * activity, common, "spect")
    return integrate_curve(curve, nuclide=load_nuclide("Lu-177"))[0]


def example_result(images: ReportImages | None = None) -> Result:
    """Return the result of the patient, reporting list included."""
    images = images or example_images()
    regions = tuple(_region(name, images) for name in images.segmentation.names)
    lesions = [region for region in regions if region.kind == "lesion"]
    whole = np.array([6650.0, 3480.0, 880.0, 330.0])
    result = Result(
        run_id="20260309T141502Z-5c1f09ab",
        created="2026-03-09T14:15:02Z",
        software={
            "theradose": "0.1.0", "source_sha256": "9f" * 32, "python": "3.11.9", "numpy": "2.4.6",
            "scipy": "1.17.1", "SimpleITK": "2.5.2", "pydicom": "3.0.1", "typst": "0.15.0",
        },
        study=_study(),
        constants=tuple(
            ConstantResult(name=name, value=value, unit=unit, source=source, status=status)
            for name, value, unit, source, status in CONSTANTS
        ),
        images=tuple(_image(index) for index in range(4)),
        regions=regions,
        whole_body=_field_of_view(whole),
        field_of_view=_field_of_view(whole),
        tumour_burden=TumourBurden(
            volume_ml=sum(region.volume_ml.value or 0 for region in lesions), activity_mbq=118.4, lesions=len(lesions)
        ),
        limits=(
            LimitResult(
                organ="kidneys", quantity="absorbed dose", limit_gy=23.0, cumulative_gy=9.1, margin_gy=13.9,
                source="external-beam value used by convention", status="unverified",
            ),
        ),
        reporting=(),
        findings=_findings(),
        files=(
            FileResult(path="dose.nii.gz", sha256="3a" * 32),
            FileResult(path="dicom/rtdose.dcm", sha256="b7" * 32),
            FileResult(path="regions.nii.gz", sha256="0c" * 32),
        ),
    )  # fmt: skip
    return result.model_copy(update={"reporting": reporting_items(result)})


def _field_of_view(activity_mbq: np.ndarray) -> WholeBodyResult:
    return WholeBodyResult(
        scope="field of view",
        curve=CurveResult(t_h=TIMES_H, activity_mbq=tuple(activity_mbq), u_mbq=tuple(0.02 * activity_mbq)),
        fit=None, chosen_model="bi", tia_mbq_h=Estimate(value=281_400.0, u=11_900.0),
        tiac_h=Estimate(value=38.3, u=1.6), effective_half_life_h=Estimate(value=52.0, u=2.4),
        extrapolated_fraction=0.088, before_first_fraction=0.09,
    )  # fmt: skip


def many_findings(result: Result, count: int) -> Result:
    """Return the result with `count` findings of all severities."""
    findings = tuple(
        FindingResult(
            code=f"example-finding-{number}", severity=("info", "warning", "critical")[number % 3],
            message=f"Finding {number} says in one sentence what was found, what it limits, and what to do about it.",
            where=f"tp{number % 4 + 1}",
        )
        for number in range(count)
    )  # fmt: skip
    return result.model_copy(update={"findings": findings})


def many_regions(result: Result, count: int) -> Result:
    """Return the result with `count` regions under long names."""
    regions = tuple(
        result.regions[number % len(result.regions)].model_copy(
            update={"name": f"Metastasis_segment_{number}_hepatic_artery_territory_after_second_cycle"}
        )
        for number in range(count)
    )
    return result.model_copy(update={"regions": regions})


def renamed(result: Result, images: ReportImages, name: str) -> tuple[Result, ReportImages]:
    """Return both with the first region called `name` everywhere."""
    region = result.regions[0].model_copy(update={"name": name})
    segmentation = images.segmentation
    first = replace(segmentation.regions[0], name=name)
    outlined = Segmentation(segmentation.grid, (first, *segmentation.regions[1:]), segmentation.voxels)
    return (
        result.model_copy(update={"regions": (region, *result.regions[1:])}),
        replace(images, segmentation=outlined),
    )


def single_region(images: ReportImages) -> ReportImages:
    """Return the images with the first lesion as their only region."""
    position = next(i for i, r in enumerate(images.segmentation.regions) if r.kind == RegionKind.LESION)
    region, voxels = images.segmentation.regions[position], images.segmentation.voxels[position]
    return replace(
        images, segmentation=Segmentation(images.segmentation.grid, (region,), (voxels,)), dose_rates={}, overlays=()
    )


def _study() -> dict[str, object]:
    return {
        "schema_version": 1, "timezone": "Europe/Paris", "therapy": "lu177-dotatate",
        "protocol": "lu177-dotatate/spect-4tp", "cycle": 2,
        "patient": {"id": "P001", "sex": "F", "weight": 71.0, "height": 168.0},
        "administrations": [
            {
                "nuclide": "Lu-177", "activity": 7400.0, "residual": 60.0, "duration": 0.5,
                "start": "2026-03-02T10:00:00+01:00",
            }
        ],
        "previous_cycles": [{"cycle": 1, "activity": 7300.0, "start": "2026-01-05T09:50:00+01:00", "result": None}],
        "calibration": {"camera": "NM-A", "sensitivity": 9.3, "u": 0.03, "dead_time": 4.0, "recovery": "rc_nm.csv"},
        "reference_timepoint": "tp2", "dose": {"engine": "local", "nuclear_data": "ddep", "assumed_density": None},
        "report": {"identify_patient": False, "title": None},
        "overrides": [{"region": "liver", "model": "mono", "exclude_timepoints": ["tp1"], "reason": "biliary phase"}],
    }  # fmt: skip


def _image(index: int) -> ImageResult:
    total = (8075.0, 3480.0, 880.0, 330.0)[index]
    expected = ADMINISTERED_MBQ * 2 ** (-TIMES_H[index] / 159.53)
    registration = None
    if index != 1:
        registration = RegistrationResult(
            method="ct-rigid", translation_mm=(2.1, -0.8, 3.4), rotation_deg=0.7,
            matrix=((1.0, 0.0, 0.0, 2.1), (0.0, 1.0, 0.0, -0.8), (0.0, 0.0, 1.0, 3.4), (0.0, 0.0, 0.0, 1.0)),
            quality={"mutual_information_before": 0.61, "mutual_information_after": 0.94},
        )  # fmt: skip
    return ImageResult(
        timepoint=f"tp{index + 1}", t_h=TIMES_H[index], modality="NM", shape=(128, 128, 128),
        spacing_mm=(4.42, 4.42, 4.42), total_activity_mbq=total, expected_activity_mbq=expected,
        fraction_of_expected=total / expected, unit_found="Bq/mL", decay_reference_found="acquisition",
        dead_time_factor=1.012 if index == 0 else None, registration=registration,
        assumptions=tuple(
            EvidenceLine(quantity=quantity, value=value, source=source, assumed=assumed)
            for quantity, value, source, assumed in (
                ("unit", "Bq/mL", "(0040,9096) RealWorldValueMappingSequence", False),
                ("decay reference", "acquisition", "(0054,1102) DecayCorrection NONE", False),
                ("frame duration", "1200 s", "(0018,1242) ActualFrameDuration of one view × views", True),
            )
        ),
    )  # fmt: skip


def _region(name: str, images: ReportImages) -> RegionResult:
    tia = example_tia(name, images.segmentation.volume_ml(name))
    region = images.segmentation.region(name)
    lesion = region.kind == RegionKind.LESION
    volume = images.segmentation.volume_ml(name)
    mass = volume * TISSUE_DENSITY
    inside = images.dose.data[images.segmentation.mask(name) >= 0.5]
    edges = np.linspace(0, inside.max(), 60)
    cumulative = [(inside >= edge).mean() for edge in edges]
    differential = np.histogram(inside, edges)[0] * images.activity.grid.voxel_volume_ml / edges[1]
    dose = tia.value * (LOCAL_GY_G_PER_MBQ_H / mass)
    dose = dose.with_contribution(f"recovery:{name}", (0.11 if lesion else 0.05) * dose.value)
    relative_u = dose.relative_u
    fits = tuple(_fit(fit) for fit in tia.fits)
    return RegionResult(
        name=name, kind=region.kind, code=None, drafted_by=region.drafted_by, method="rtstruct", outlined_on="ct",
        verified_by=None if lesion else "Dr. B. Example", volume_ml=Estimate(value=volume, u=0.08 * volume),
        mass_g=Estimate(value=mass, u=0.08 * mass), density_g_per_ml=TISSUE_DENSITY,
        recovery=Estimate(value=0.78, u=0.05) if lesion else None,
        curve=CurveResult(
            t_h=TIMES_H, activity_mbq=tuple(tia.curve.activity_mbq), u_mbq=tuple(tia.curve.u_independent_mbq)
        ),
        fit=max(fits, key=lambda fit: fit.weight), models=fits, chosen_model=tia.chosen,
        tia_mbq_h=Estimate(value=tia.value.value, u=tia.value.u),
        tiac_h=Estimate(value=tia.value.value / ADMINISTERED_MBQ, u=tia.value.u / ADMINISTERED_MBQ),
        effective_half_life_h=Estimate(value=tia.effective_half_life_h.value, u=tia.effective_half_life_h.u),
        extrapolated_fraction=tia.extrapolated_fraction, before_first_fraction=tia.before_first_fraction,
        dose_gy=Estimate(value=dose.value, u=dose.u),
        dose_per_activity_gy_gbq=Estimate(value=dose.value / 7.34, u=dose.u / 7.34),
        dvh=DvhResult(
            common_relative_u=0.06,
            mean_gy=float(inside.mean()), d95_gy=float(np.percentile(inside, 5)),
            d50_gy=float(np.percentile(inside, 50)), d2_gy=float(np.percentile(inside, 98)),
            volume_fraction_at_gy={"10": float((inside >= 10).mean())},
            curve=DvhCurve(
                dose_gy=tuple(edges), cumulative_fraction=tuple(cumulative),
                differential_ml_per_gy=tuple(differential),
            ),
        ),
        budget=(
            *(
                BudgetResult(
                    source=source, group=source_group(source), relative_u=abs(u) / dose.value,
                    share=(u / dose.value / relative_u) ** 2,
                )
                for source, u in sorted(dose.contributions.items(), key=lambda item: -abs(item[1]))
            ),
            *((BudgetResult(source="density:assumed", group="mass", relative_u=None, share=None),) if lesion else ()),
        ),
    )  # fmt: skip


def _fit(fit: CurveFit) -> FitResult:
    return FitResult(
        model=fit.model, parameters=dict(fit.parameters), covariance=tuple(map(tuple, fit.covariance.tolist())),
        tia_mbq_h=Estimate(value=fit.tia_mbq_h, u=fit.u_tia_mbq_h),
        aicc=fit.aicc if math.isfinite(fit.aicc) else None, chi_squared=fit.chi_squared, weight=fit.weight,
        flags=fit.flags,
    )  # fmt: skip


def _findings() -> tuple[FindingResult, ...]:
    drafted = "Nobody verified the outline of '{}': its dose rests on a drafted region."
    rows = (
        ("warning", "region-not-verified", "lesion-liver-1", drafted.format("lesion-liver-1")),
        ("warning", "region-not-verified", "lesion-liver-2", drafted.format("lesion-liver-2")),
        ("info", "frame-duration-inferred", "tp1", "The frame duration was computed from one view and their number."),
        (
            "critical", "activity-above-administered", "tp1",
            "The image of tp1 holds 112 % of the activity that was administered and decayed: compare units, times, "
            "calibration and residual.",
        ),
        ("warning", "small-region", "lesion-node-para-aortic", "Its recovery of 0.78 dominates its uncertainty."),
        ("info", "timezone-missing", "", "Header times without offset were read as Europe/Paris."),
    )  # fmt: skip
    return tuple(
        FindingResult(code=code, severity=severity, message=message, where=where)
        for severity, code, where, message in rows
    )
