"""phoneNumber, purePhoneNumber and countryCode of every country (I-17; ITU-T E.164)."""

import pytest

from wesim import seed
from wesim.mini.calling import CODES, split


async def told(sim, phone):
    await sim.control("/persons", {"id": "abroad", "name": "阿明", "phone": phone})
    code = (await sim.control("/phone-code", {"person": "abroad", "app": seed.MINI_APPID}))["code"]
    token = await sim.token(sim.mini)
    answer = await sim.post("/wxa/business/getuserphonenumber", {"code": code}, access_token=token)
    found = answer["phone_info"]
    return found["phoneNumber"], found["purePhoneNumber"], found["countryCode"]


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ("13800000009", ("13800000009", "13800000009", "86")),
        ("+8613800000009", ("13800000009", "13800000009", "86")),
        ("+85261234567", ("+85261234567", "61234567", "852")),
        ("+85366123456", ("+85366123456", "66123456", "853")),
        ("+886912345678", ("+886912345678", "912345678", "886")),
        ("+12025550123", ("+12025550123", "2025550123", "1")),
        ("+74951234567", ("+74951234567", "4951234567", "7")),
        ("+6591234567", ("+6591234567", "91234567", "65")),
        ("+819012345678", ("+819012345678", "9012345678", "81")),
        ("+447911123456", ("+447911123456", "7911123456", "44")),
        ("+6791234567", ("+6791234567", "1234567", "679")),
    ],
)
async def test_three_numbers_of_one_phone(sim, phone, said):
    assert await told(sim, phone) == said


@pytest.mark.parametrize("country", sorted(CODES))
def test_every_country_code_is_split_off(country):
    assert split(f"+{country}23456789") == (country, "23456789")


def test_no_code_begins_another():
    assert [(a, b) for a in CODES for b in CODES if a != b and b.startswith(a)] == []
    assert len(CODES) == 217


async def test_plus_and_type_are_settings(sim):
    await sim.control("/settings", {"foreign_phone_has_plus": False, "country_code_is_number": True})
    assert await told(sim, "+85261234567") == ("85261234567", "61234567", 852)
