"""What members do when WeChat tells who follows: note it, and ask for the unionid that joins the accounts (S1-130).

Once a night sessions that are over are forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Final

from huida.kernel.db import Tx
from huida.kernel.facts import Recorded
from huida.kernel.http import ProviderOutcome, Refused, one_call
from huida.kernel.jobs import Errand, Work
from huida.kernel.queue import Job
from huida.modules import connections
from huida.modules.members.service import forget_sessions, see_identity
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.official_account import OfficialAccount

LEARN: Final = "members.learn_unionid"
MOST_TRIES: Final = 6
WAIT_FIRST: Final = timedelta(minutes=1)
PORTION: Final = 5000
"""Rows that one transaction deletes."""


async def note_follow(tx: Tx, facts: Sequence[Recorded[connections.FollowChanged]]) -> None:
    """Note who follows. Safe twice and out of order: the newest news of WeChat wins."""
    for recorded in facts:
        fact = recorded.fact
        member_id = await see_identity(
            tx, app_id=fact.app_id, openid=fact.openid, follows=fact.follows, told_at=fact.at
        )
        if fact.follows and member_id is None:
            ask_unionid(tx, fact.app_id, fact.openid)


def ask_unionid(tx: Tx, app_id: str, openid: str, *, tries: int = 0) -> None:
    """Ask WeChat for a follower's unionid, later the more often it was tried; given up after six tries."""
    if tries < MOST_TRIES:
        due = tx.now + WAIT_FIRST * 4 ** (tries - 1) if tries else None
        payload = {"app_id": app_id, "openid": openid, "tries": tries}
        tx.enqueue(LEARN, payload, lane=connections.lane_of(app_id, openid), due=due)


@dataclass(frozen=True, slots=True)
class Asked:
    """One follower to ask about; `unionid` and `again` are what came of it."""

    app_id: str
    openid: str
    tries: int
    unionid: str | None = None
    again: bool = False


class LearnUnionid:
    """Ask for a follower's unionid. Safe twice: it only asks, and the answer is always the same."""

    def __init__(self, oa: OfficialAccount) -> None:
        self._oa = oa

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> list[tuple[Asked, AppCredentials]]:
        """Whom to ask about; apps that were disconnected are left out."""
        creds: dict[str, AppCredentials | None] = {}
        work = []
        for job in jobs:
            asked = Asked(job.payload["app_id"], job.payload["openid"], job.payload["tries"])
            if asked.app_id not in creds:
                creds[asked.app_id] = await connections.credentials_of(tx, asked.app_id)
            cred = creds[asked.app_id]
            if cred is not None:
                work.append((asked, cred))
        return work

    async def call(self, work: list[tuple[Asked, AppCredentials]]) -> list[Asked]:
        """Ask one after the other; a failure is part of the answer."""
        return [await self._ask(asked, cred) for asked, cred in work]

    async def _ask(self, asked: Asked, cred: AppCredentials) -> Asked:
        try:
            async with one_call(LEARN):
                follower = await self._oa.follower(cred, asked.openid)
        except Refused:
            return asked
        except ProviderOutcome:
            return Asked(asked.app_id, asked.openid, asked.tries, again=True)
        return Asked(asked.app_id, asked.openid, asked.tries, unionid=follower.unionid or None)

    async def record(self, tx: Tx, outcome: list[Asked]) -> None:
        """Note the unionids, which joins accounts; ask again what could not be asked."""
        for asked in outcome:
            if asked.again:
                ask_unionid(tx, asked.app_id, asked.openid, tries=asked.tries + 1)
            elif asked.unionid is not None:
                await see_identity(tx, app_id=asked.app_id, openid=asked.openid, unionid=asked.unionid)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """Nothing was changed outside: ask again."""
        for job in jobs:
            ask_unionid(tx, job.payload["app_id"], job.payload["openid"], tries=job.payload["tries"] + 1)


async def tidy(tx: Tx, payloads: Sequence[Any]) -> None:
    """Forget sessions that are over, portion by portion. Twice is safe: it deletes."""
    if await forget_sessions(tx, most=PORTION):
        tx.enqueue("members.tidy", None)


def work(oa: OfficialAccount) -> Work:
    """The members' reactions, errands and schedules, with the client that the errand needs."""
    own = Work("members")
    own.scheduled(at=time(3, 30))(tidy)
    own.reacts_to(connections.FollowChanged)(note_follow)
    errand: Errand = LearnUnionid(oa)
    own.errands[LEARN] = errand
    return own


__all__ = ["LearnUnionid", "ask_unionid", "note_follow", "work"]
