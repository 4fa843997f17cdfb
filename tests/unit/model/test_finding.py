"""Findings in documents."""

from theradose.model.finding import Finding


def test_document_has_every_part():
    """The four keys of docs/formats/findings.md; ``where`` is empty for the whole study."""
    assert Finding("mass-unverified", "warning", "A mass.", "liver").to_json() == {
        "code": "mass-unverified", "severity": "warning", "message": "A mass.", "where": "liver",
    }  # fmt: skip
    assert Finding("mass-unverified", "info", "A mass.").to_json()["where"] == ""
