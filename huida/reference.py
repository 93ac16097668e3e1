"""The reference of the API in a browser: `/api/docs`, Swagger UI over `/api/openapi.json`.

It runs where the console's session lives, so its two files from outside are named with their hashes: a browser runs them
unchanged or not at all. Where they cannot be reached, the page leads to the document itself.
"""

import base64
import hashlib
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

PLACE: Final = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.35.0"
STYLE: Final = "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I"
PROGRAM: Final = "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
START: Final = "SwaggerUIBundle({url: '/api/openapi.json', dom_id: '#reference', deepLinking: true})"
PAGE: Final = f"""<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>会达 接口文档</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{PLACE}/swagger-ui.css" integrity="{STYLE}" crossorigin="anonymous">
<main id="reference"><p>接口说明 API: <a href="/api/openapi.json">openapi.json</a></p></main>
<script src="{PLACE}/swagger-ui-bundle.js" integrity="{PROGRAM}" crossorigin="anonymous"></script>
<script>{START}</script>
</html>
"""
POLICY: Final = (
    f"default-src 'none'; script-src {PLACE}/ 'sha256-{base64.b64encode(hashlib.sha256(START.encode()).digest()).decode()}'; "
    f"style-src {PLACE}/ 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def add_reference(app: FastAPI) -> None:
    """Serve the page."""

    async def reference(_: Request) -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"})

    app.add_route("/api/docs", reference, include_in_schema=False)
