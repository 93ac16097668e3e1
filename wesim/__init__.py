"""wesim: a simulator of WeChat for people who build for WeChat. Imports nothing of any product."""

__version__ = "0.1.0"
