"""How much a file may claim before it is refused unread."""

from __future__ import annotations

MEMORY_LIMIT_BYTES = 2 * 2**30
"""Largest decoded volume; a whole-body CT of 1000 slices of 512 × 512 in 32 bits needs half of it."""
