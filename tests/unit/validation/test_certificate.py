"""The certificate of the published numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from theradose.provenance import hash_package
from theradose.validation.case import load_cases
from theradose.validation.certificate import write_suite
from theradose.validation.suite import SuiteResult, evaluate_case, run_suite

CREATED = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)


def test_certificate_and_document_are_dated_and_repeatable(tmp_path):
    result = run_suite(only="planar")
    pdf, document = write_suite(result, tmp_path / "first", created=CREATED)
    assert pdf.name == "validation-20260302T101500Z.pdf"
    again, _ = write_suite(result, tmp_path / "second", created=CREATED)
    assert pdf.read_bytes() == again.read_bytes()
    content = json.loads(document.read_text(encoding="utf-8"))
    assert content["passed"] is True
    assert content["n_cases"] == len(content["cases"]) == len(load_cases("planar"))
    assert content["software"]["source_sha256"] == hash_package()


def test_a_wrong_number_fails_the_suite(tmp_path):
    case = load_cases("dose")[0]
    wrong = evaluate_case(replace(case, expected=1.05 * case.expected))
    result = SuiteResult((wrong,))
    assert not result.passed
    pdf, document = write_suite(result, tmp_path, created=CREATED)
    assert pdf.read_bytes().startswith(b"%PDF")
    content = json.loads(document.read_text(encoding="utf-8"))
    assert (content["passed"], content["n_failed"]) == (False, 1)


def test_progress_is_told_for_every_case():
    told = []
    run_suite(only="dose", progress=lambda done, total: told.append((done, total)))
    total = len(load_cases("dose"))
    assert told == [(number, total) for number in range(1, total + 1)]
