"""Tests of the books: a shop with its tills, its staff and the simulator."""

from typing import Any

import pytest

from tests.shop import Shop, open_shop


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.fixture
async def locked_shop(world: Any) -> Shop:
    """A merchant that has not bought the module."""
    return await open_shop(world, entitled=False)
