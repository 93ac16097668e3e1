"""Who has no login is refused no faster than who has one."""

import asyncio

import argon2

from huida.modules.tenants import passwords


def test_a_login_that_nobody_has_costs_the_same_work() -> None:
    real = asyncio.run(passwords.hashed("correct horse 9", login="lin"))
    assert argon2.extract_parameters(passwords.NOBODYS) == argon2.extract_parameters(real)
    assert len(passwords.NOBODYS) == len(real)


def test_nobodys_password_is_no_password() -> None:
    for typed in ("", "nobody", "\0" * 32):
        assert asyncio.run(passwords.matches(None, typed)) is False
