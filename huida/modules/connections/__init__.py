"""Connections: the merchant's official account and mini program, and what WeChat pushes.

Owns: apps, callback_routes, callback_inbox.
"""
