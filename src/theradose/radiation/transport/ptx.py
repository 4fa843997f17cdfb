"""Compiles the transport for a graphics card, without having one: ``python -m theradose.radiation.transport.ptx 9.0``.

It needs numba-cuda with its compiler (extra ``gpu``), not a driver.
"""

from __future__ import annotations

import sys

from numba import cuda, types

from theradose.radiation.transport.graphics import follow_batch
from theradose.radiation.transport.types import Media, Source, Voxels

_LINE, _TABLE, _CUBE = types.float64[::1], types.float64[:, ::1], types.float64[:, :, ::1]
_INTEGERS, _INTEGER, _NUMBER = types.int64[::1], types.int64, types.float64
_SOURCE = types.NamedTuple((_INTEGERS, _LINE, _LINE, _LINE, _LINE, _INTEGERS), Source)
_VOXELS = types.NamedTuple((types.uint8[:, :, ::1], types.float32[:, :, ::1], _NUMBER, _NUMBER, _NUMBER, _LINE), Voxels)
_MEDIA = types.NamedTuple((_NUMBER, _NUMBER, _CUBE, _CUBE, _CUBE, _TABLE, _TABLE, *[_NUMBER] * 7), Media)
_ARGUMENTS = (
    _INTEGER, _INTEGER, _NUMBER, _INTEGER, _NUMBER, _SOURCE, _VOXELS, _MEDIA, _CUBE, _LINE
)  # fmt: skip


def compile_for(capability: tuple[int, int]) -> str:
    """Return the assembly of a batch for a compute capability."""
    from numba.cuda import dispatcher

    class Device:
        """Stands for the card that the compiler asks for when it meets the functions of the physics."""

        compute_capability = capability

    dispatcher.get_current_device = Device
    text, _ = cuda.compile_ptx(follow_batch, _ARGUMENTS, cc=capability)
    return str(text)


def main() -> int:
    """Compile for one capability, the first argument as ``9.0``, and say how large the result is."""
    capability = tuple(int(part) for part in sys.argv[1].split("."))
    text = compile_for((capability[0], capability[1]))
    atomics = text.count("atom.")
    print(f"compute capability {sys.argv[1]}: {len(text.splitlines())} lines of PTX, {atomics} atomic additions")
    return 0 if atomics else 1


if __name__ == "__main__":
    raise SystemExit(main())
