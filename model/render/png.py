"""A picture in SVG as one in PNG, by resvg, which is optional."""

from __future__ import annotations

from cowpath.model.language.errors import InputError

_ZOOM = 2
"""Pixels for each unit of the SVG: sharp on dense screens, and in print."""


class NoRenderer(InputError):
    """resvg is not installed; the message is one line."""


def render(svg: str) -> bytes:
    """Return the picture. Raises `NoRenderer`."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise NoRenderer("PNG needs resvg: pip install 'cowpath[png]'; or write SVG") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=_ZOOM))
