"""Particles that wait to be followed."""

from __future__ import annotations

from theradose.compiled import device_function
from theradose.radiation.transport.types import LOST, Array

ELECTRON, PHOTON = 0.0, 1.0
STACK_SIZE = 48
STACK_FIELDS = 8


@device_function
def push(
    stack: Array,
    waiting: int,
    account: Array,
    kind: float,
    energy: float,
    z: float,
    y: float,
    x: float,
    uz: float,
    uy: float,
    ux: float,
) -> int:
    """Put a particle on the stack, at a place in the units of who takes it off; return its new size.

    What finds no room is lost.
    """
    if waiting >= stack.shape[0]:
        account[LOST] += energy
        return waiting
    stack[waiting, 0], stack[waiting, 1] = kind, energy
    stack[waiting, 2], stack[waiting, 3], stack[waiting, 4] = z, y, x
    stack[waiting, 5], stack[waiting, 6], stack[waiting, 7] = uz, uy, ux
    return waiting + 1
