"""One small made-up patient for all tests of the documents."""

from __future__ import annotations

import pytest

from theradose.model.result import Result
from theradose.report.figures import draw_pictures
from theradose.report.inputs import ReportImages
from theradose.report.style import Picture
from unit.report.example import example_images, example_result


@pytest.fixture(scope="session")
def images() -> ReportImages:
    return example_images()


@pytest.fixture(scope="session")
def result(images: ReportImages) -> Result:
    return example_result(images)


@pytest.fixture(scope="session")
def pictures(result: Result, images: ReportImages) -> tuple[Picture, ...]:
    return draw_pictures(result, images)
