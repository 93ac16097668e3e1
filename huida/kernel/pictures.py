"""Pictures that travel inside an answer."""

import base64
import io

import segno


def qr_picture(text: str) -> str:
    """A QR code of `text` as a data URI of an SVG without margins; scales to any size."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=0, xmldecl=False, svgns=True, omitsize=True)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
