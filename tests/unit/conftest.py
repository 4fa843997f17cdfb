"""Fixtures for unit tests of several packages."""

from __future__ import annotations

import pytest

from kernel_support import analytic_table


@pytest.fixture
def analytic_point_kernels(monkeypatch):
    """Replace the packaged point kernels by analytic ones."""
    from theradose.radiation import nuclide_kernels

    monkeypatch.setattr(nuclide_kernels, "load_point_kernels", analytic_table)
    nuclide_kernels.nuclide_kernel.cache_clear()
    yield
    nuclide_kernels.nuclide_kernel.cache_clear()
