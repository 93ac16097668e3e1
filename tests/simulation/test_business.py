"""Three thousand random steps at a tea shop (ten thousand in the long form), on machines that fail, then the books are
checked and the doctor is asked.

A failing run prints its seed and last steps.

HUIDA_SIM_SEED and HUIDA_SIM_STEPS choose another day; the same seed makes the same decisions.
"""

import os
import random
import time
from pathlib import Path

import pytest

from huida.commands import doctor
from huida.kernel.embedded import EmbeddedPostgres
from tests.conftest import World
from tests.shop import open_shop
from tests.simulation.troubles import HardDay, Network

pytestmark = [pytest.mark.slow, pytest.mark.long]

SEED = int(os.environ.get("HUIDA_SIM_SEED", "20260301"))
STEPS = int(os.environ.get("HUIDA_SIM_STEPS", "10000" if os.environ.get("HUIDA_LONG") else "3000"))


@pytest.mark.timeout(900)
async def test_after_a_day_of_business_and_trouble_the_books_are_right(
    world: World, postgres: EmbeddedPostgres, send: Network, disk: Path
) -> None:
    shop = await open_shop(world)
    day = HardDay(shop, postgres.url, random.Random(SEED), network=send, postgres=postgres, disk=disk)
    began = time.monotonic()
    try:
        await day.open()
        await day.live(STEPS)
        await day.close()
        await day.check()
        examined = await doctor.examined(world.system.settings)
        assert [finding for finding in examined if finding.state == "fail"] == []
    except BaseException:
        print(f"\nHUIDA_SIM_SEED={SEED} HUIDA_SIM_STEPS={STEPS}: failed after step {day.step}; the last steps:")
        print("\n".join(day.story))
        raise
    finally:
        print(f"{day.step} steps in {time.monotonic() - began:.0f} s, {day.deaths} deaths: {dict(day.done)}")
