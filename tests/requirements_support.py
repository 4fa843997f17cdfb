"""What tests need from the machine: missing it fails where everything was to be provided, and skips elsewhere."""

from __future__ import annotations

import os
import shutil

import pytest


def skip_or_fail(message: str) -> None:
    """Skip a test, or fail it where ``CI`` is set."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def need_program(name: str, package: str) -> None:
    """Skip or fail without a program that a Debian package provides."""
    if shutil.which(name) is None:
        skip_or_fail(f"{name} is not installed: apt-get install {package}")
