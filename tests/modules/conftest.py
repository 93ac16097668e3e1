"""Fixtures of the module tests."""

import pytest

from huida.kernel.db import Database
from huida.kernel.secrets import Secret
from huida.modules import sms
from huida.modules.sms import Account, SmsText
from tests.modules.sms_kit import CONTENT, PARAMS, SCENARIOS
from wesim.sms import catalogue


@pytest.fixture
async def report_key(db: Database) -> str:
    """The platform set up at Aliyun; returns the key of its report address."""
    account = Account("aliyun", catalogue.ALIYUN_KEY_ID, Secret(catalogue.ALIYUN_KEY_SECRET))
    texts = [SmsText(scenario, code, CONTENT[code], PARAMS) for scenario, code in SCENARIOS.items()]
    async with db.tx(0) as tx:
        keys = await sms.seed_platform(tx, accounts=[account], texts={"aliyun": texts})
    return keys["aliyun"]
