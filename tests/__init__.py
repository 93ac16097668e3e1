"""Tests; `make` and `asgi` are shared."""
