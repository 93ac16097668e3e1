"""Huida 会达: membership and member notices for merchants in the WeChat world."""

__version__ = "0.1.0"
