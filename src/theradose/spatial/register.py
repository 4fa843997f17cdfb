"""Rigid registration of the time points of one treatment cycle."""

from __future__ import annotations

from theradose.model.finding import Finding
from theradose.model.transform import Registration
from theradose.spatial.registration_methods import RegistrationInput, registration_methods

__all__ = ["RegistrationInput", "register", "registration_methods"]


def register(
    reference: RegistrationInput, moving: RegistrationInput, *, method: str = "automatic"
) -> tuple[Registration, tuple[Finding, ...]]:
    """Return the transform from the reference time point's space to another's.

    A transform that the user gave for the time point is used whatever the method: it is the more specific
    statement.

    Parameters
    ----------
    reference, moving : RegistrationInput
        Images of the two time points.
    method : str
        Name in the registry ``registration_methods``.

    Returns
    -------
    Registration
        Transform, method that was in fact used (``ct`` or ``emission`` for ``automatic``), and quality:
        ``mutual_information_before`` and ``_after`` (nat), ``normalised_mutual_information`` (1 to 2),
        ``edge_correlation``, ``overlap_fraction``, ``displacement_mm`` in the middle of the patient,
        ``rotation_deg``.
    tuple of Finding
        ``registration-poor``, ``frames-of-reference-differ``, ``alignment-stated``, ``transform-given``,
        ``ct-in-another-frame``.

    Raises
    ------
    GeometryError
        For an unknown method, missing images or files, images that do not overlap.
    """
    chosen = "file" if moving.transform_path is not None else method
    return registration_methods.get(chosen)(reference, moving)
