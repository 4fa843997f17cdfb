"""The look of all figures: type, colours, and deterministic SVG."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK = "#1b2733"
MUTED = "#6b7785"
HAIRLINE = "#d5dbe1"
ACCENT = "#0f4c75"
WARNING = "#b8610a"

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#7a5c00", "#111111")
"""Colour-blind safe after Okabe and Ito, its yellow and orange exchanged for tones that print on white."""

LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))

PAGE_WIDTH_IN = 6.93
"""Width of the text block of the A4 sheet (176 mm)."""

_RASTER_DPI = 190
_MEASURED_FAMILY = "STIXGeneral"
_SHOWN_FAMILIES = "'Libertinus Serif', 'STIX Two Text', Charter, Georgia, serif"

_SETTINGS: dict[Any, Any] = {
    "font.family": [_MEASURED_FAMILY],
    "font.size": 8.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "theradose",
    "svg.image_inline": True,
    "image.composite_image": False,
    "savefig.dpi": _RASTER_DPI,
    "figure.dpi": _RASTER_DPI,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished figure.

    Attributes
    ----------
    name : str
        Identifier and file stem, for example ``curves``.
    svg : bytes
        The drawing.
    width_in, height_in : float
        Its size on paper.
    caption : str
        What it shows, with units and conventions.
    alternative : str
        What a reader who cannot see it needs to know.
    """

    name: str
    svg: bytes
    width_in: float
    height_in: float
    caption: str
    alternative: str


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with the project's style, and leave the settings of the caller as they were."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcParams.update(_SETTINGS)
        # A name in a script that the measuring font lacks is still drawn by the reader's font.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def render(figure: Figure, *, name: str, caption: str, alternative: str) -> Picture:
    """Return a figure as SVG with live text, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, facecolor="none")
    width, height = figure.get_size_inches()
    svg = re.sub(rf"(?<=[ :'])'?{_MEASURED_FAMILY}'?", _SHOWN_FAMILIES, buffer.getvalue().decode(), flags=re.MULTILINE)
    return Picture(name, svg.encode(), float(width), float(height), caption, alternative)


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure on an off-screen canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in))
    FigureCanvasAgg(figure)
    return figure


def fading(name: str, *, opaque_from: float, opacity: float) -> Colormap:
    """Return a perceptually uniform colour map that fades in from transparent.

    Parameters
    ----------
    name : str
        Name of a matplotlib colour map.
    opaque_from : float
        Fraction of the scale at which `opacity` is reached.
    opacity : float
        Largest opacity.
    """
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colours = colormaps[name](np.linspace(0, 1, 256))
    colours[:, 3] = opacity * np.clip(np.linspace(0, 1, 256) / opaque_from, 0, 1)
    return ListedColormap(colours, name=f"{name}-fading")


def shortened(name: str, length: int) -> str:
    """Return a name of at most `length` characters; what is left out is in the middle."""
    if len(name) <= length:
        return name
    head = (2 * length) // 3
    return f"{name[:head]}…{name[head + 1 - length :]}"


def line_style(index: int) -> tuple[str, str | tuple[int, tuple[float, ...]]]:
    """Return colour and dash pattern of the line at `index`; the pattern changes when the colours repeat."""
    return PALETTE[index % len(PALETTE)], LINE_STYLES[index // len(PALETTE) % len(LINE_STYLES)]
