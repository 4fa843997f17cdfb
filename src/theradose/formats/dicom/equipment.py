"""How an image was taken and reconstructed, as its header says: for the record, and to compare with a calibration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from theradose.formats.dicom.series import Series
from theradose.formats.dicom.values import read_items, read_number, read_text, read_texts, tag_label
from theradose.model.activity import Evidence
from theradose.model.equipment import EnergyWindows, Equipment

_COLLIMATORS = {
    "PARA": "parallel holes",
    "PINH": "pinhole",
    "FANB": "fan beam",
    "CONE": "cone beam",
    "SLNT": "slanted holes",
    "ASTG": "astigmatic",
    "DIVG": "diverging",
    "RING": "ring with septa",
    "NONE": "none",
}
_CORRECTIONS = {
    "UNIF": "uniformity",
    "COR": "centre of rotation",
    "NCO": "non-circular orbit",
    "NRGY": "energy",
    "LIN": "linearity",
    "DECY": "decay",
    "ATTN": "attenuation",
    "SCAT": "scatter",
    "DTIM": "dead time",
    "MOTN": "motion",
    "CLN": "count loss normalisation",
    "RAN": "randoms",
    "RADL": "non-uniform radial sampling",
    "DCAL": "dose calibrator",
    "NORM": "detector normalisation",
}
_METHODS = {
    "ATTN": "AttenuationCorrectionMethod",
    "SCAT": "ScatterCorrectionMethod",
    "RAN": "RandomsCorrectionMethod",
}


def read_equipment(series: Series) -> tuple[Evidence, ...]:
    """Return imaging system, collimator, energy window, reconstruction and corrections, where they are stated."""
    dataset = series.dataset
    stated = (
        _imaging_system(dataset),
        _collimator(dataset),
        _energy_window(dataset),
        _reconstruction(dataset),
        _corrections(dataset),
    )
    return tuple(evidence for evidence in stated if evidence is not None)


def describe_equipment(series: Series, *, spacing_mm: tuple[float, float, float] | None) -> Equipment:
    """Return what a calibration depends on, as the header states it.

    Parameters
    ----------
    series : Series
        Emission images.
    spacing_mm : tuple of float or None
        Voxel size (z, y, x), on which a recovery depends.
    """
    dataset = series.dataset
    # Decay is undone before anything is calibrated, so that its correction does not matter.
    codes = sorted({code for code in read_texts(dataset, "CorrectedImage") if code and code != "DECY"})
    stated = {
        "method": read_text(dataset, "ReconstructionMethod"),
        "kernel": ", ".join(_distinct(read_texts(dataset, "ConvolutionKernel"))),
        "corrections": ", ".join(_CORRECTIONS.get(code, code) for code in codes),
        **{
            f"{_CORRECTIONS[code]} method": read_text(dataset, keyword)
            for code, keyword in _METHODS.items()
            if code in codes
        },
        "voxel_mm": "" if spacing_mm is None else " x ".join(f"{side:.2f}" for side in spacing_mm),
    }
    return Equipment(
        manufacturer=read_text(dataset, "Manufacturer") or None,
        model=read_text(dataset, "ManufacturerModelName") or None,
        serial=read_text(dataset, "DeviceSerialNumber") or None,
        station=read_text(dataset, "StationName") or None,
        collimator=_collimator_name(dataset) or None,
        collimator_type=_collimator_type(dataset) or None,
        energy_windows_kev=energy_windows_kev(dataset),
        reconstruction={name: value for name, value in stated.items() if value},
    )


def energy_windows_kev(dataset: Any) -> EnergyWindows:
    """Return the limits of every energy window that is stated in full."""
    ranges = list(read_items(dataset, "EnergyWindowRangeSequence"))
    for window in read_items(dataset, "EnergyWindowInformationSequence"):
        ranges += read_items(window, "EnergyWindowRangeSequence")
    limits = [
        (read_number(item, "EnergyWindowLowerLimit"), read_number(item, "EnergyWindowUpperLimit")) for item in ranges
    ]
    return tuple(dict.fromkeys((low, high) for low, high in limits if low is not None and high is not None))


def collimator_code(dataset: Any) -> str:
    """Return the collimator type of the image or of its first detector; empty if absent."""
    detectors = read_items(dataset, "DetectorInformationSequence")
    return read_text(dataset, "CollimatorType") or (read_text(detectors[0], "CollimatorType") if detectors else "")


def window_words(windows_kev: EnergyWindows) -> str:
    """Return energy windows as text."""
    return ", ".join(f"{low:g} to {high:g} keV" for low, high in windows_kev)


def _imaging_system(dataset: Any) -> Evidence | None:
    present = [word for word in ("Manufacturer", "ManufacturerModelName") if read_text(dataset, word)]
    return _evidence("imaging system", " ".join(read_text(dataset, word) for word in present), *present)


def _collimator(dataset: Any) -> Evidence | None:
    return _evidence("collimator", _collimator_words(dataset), "CollimatorType")


def _collimator_words(dataset: Any) -> str:
    return ", ".join(_distinct((_collimator_type(dataset), _collimator_name(dataset))))


def _collimator_type(dataset: Any) -> str:
    code = collimator_code(dataset)
    return _COLLIMATORS.get(code, code)


def _collimator_name(dataset: Any) -> str:
    """Return the name of the collimator of the image or of its first detector; empty if absent."""
    detectors = read_items(dataset, "DetectorInformationSequence")
    named = read_text(dataset, "CollimatorGridName")
    return _name(named or (read_text(detectors[0], "CollimatorGridName") if detectors else ""))


def _energy_window(dataset: Any) -> Evidence | None:
    return _evidence("energy window", window_words(energy_windows_kev(dataset)), "EnergyWindowRangeSequence")


def _reconstruction(dataset: Any) -> Evidence | None:
    method, kernel = read_text(dataset, "ReconstructionMethod"), read_texts(dataset, "ConvolutionKernel")
    # The kernel often repeats the method before it adds iterations and filter.
    repeated = any(part.startswith(method) for part in kernel)
    value = "; ".join(_distinct(("" if repeated else method, *kernel)))
    present = [word for word in ("ReconstructionMethod", "ConvolutionKernel") if read_text(dataset, word)]
    return _evidence("reconstruction", value, *present)


def _corrections(dataset: Any) -> Evidence | None:
    codes = read_texts(dataset, "CorrectedImage")
    parts = []
    for code in codes:
        method = read_text(dataset, _METHODS[code]) if code in _METHODS else ""
        parts.append(_CORRECTIONS.get(code, code) + (f" ({method.strip(' ,')})" if method else ""))
    used = [_METHODS[code] for code in codes if code in _METHODS and read_text(dataset, _METHODS[code])]
    return _evidence("corrections", ", ".join(_distinct(parts)), "CorrectedImage", *used)


def _distinct(parts: Iterable[str]) -> list[str]:
    return [part for part in dict.fromkeys(parts) if part]


def _name(text: str) -> str:
    """Return a name for reading; a number that stands for a private table is none."""
    return "" if text.lstrip("@").isdigit() else text


def _evidence(quantity: str, value: str, *keywords: str) -> Evidence | None:
    return Evidence(quantity, value, ", ".join(map(tag_label, keywords))) if value else None
