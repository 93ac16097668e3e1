"""QR pictures."""

from __future__ import annotations

import io

import segno


def qr_png(text: str, width_px: int) -> bytes:
    """A QR code about this wide. (WeChat's round mini-program code is drawn as a QR code here.)"""
    code = segno.make(text, error="m", micro=False)
    out = io.BytesIO()
    code.save(out, kind="png", scale=max(1, width_px // code.symbol_size()[0]))
    return out.getvalue()
