"""One small made-up patient for all tests of the documents."""

from __future__ import annotations

import pytest

from theradose.model.result import Result
from theradose.report.figures import draw_pictures
from theradose.report.inputs import ReportCurves, ReportImages
from theradose.report.style import Picture
from unit.report.example import example_curves, example_images, example_result


@pytest.fixture(scope="session")
def images() -> ReportImages:
    return example_images()


@pytest.fixture(scope="session")
def curves(images: ReportImages) -> ReportCurves:
    return example_curves(images)


@pytest.fixture(scope="session")
def result(images: ReportImages) -> Result:
    return example_result(images)


@pytest.fixture(scope="session")
def pictures(result: Result, images: ReportImages, curves: ReportCurves) -> tuple[Picture, ...]:
    return draw_pictures(result, images, curves)
