"""A shop moves in: its members and what they bought in earlier years."""

from tests.books import cdnow
from tests.shop import Shop


async def bring_in(shop: Shop, story: cdnow.Story) -> None:
    people = [{"card_no": card, "name": f"顾客{card}"} for card in story.cards]
    for person in people:
        made = await shop.key.post("/api/v1/members", person)
        assert made.status == 201, made.text
    story.history.clear()
