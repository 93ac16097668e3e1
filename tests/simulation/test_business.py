"""Ten thousand random steps at a tea shop, then the books are checked. A failing run prints its seed and last steps.

HUIDA_SIM_SEED and HUIDA_SIM_STEPS choose another day; the same seed makes the same decisions.
"""

import os
import random
import time

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.conftest import World
from tests.shop import open_shop
from tests.simulation.business import Day

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("HUIDA_SIM_SEED", "20260301"))
STEPS = int(os.environ.get("HUIDA_SIM_STEPS", "10000"))


@pytest.mark.timeout(900)
async def test_after_a_day_of_business_and_trouble_the_books_are_right(
    world: World, postgres: EmbeddedPostgres
) -> None:
    day = Day(await open_shop(world), postgres.url, random.Random(SEED))
    began = time.monotonic()
    try:
        await day.open()
        await day.live(STEPS)
        await day.close()
        await day.check()
    except BaseException:
        print(f"\nHUIDA_SIM_SEED={SEED} HUIDA_SIM_STEPS={STEPS}: failed after step {day.step}; the last steps:")
        print("\n".join(day.story))
        raise
    finally:
        print(f"{day.step} steps in {time.monotonic() - began:.0f} s, {day.deaths} deaths: {dict(day.done)}")
