"""Whether a transaction is open in this task. Lets the outgoing HTTP base refuse to call with one open."""

from contextvars import ContextVar

tx_is_open: ContextVar[bool] = ContextVar("tx_is_open", default=False)


def forbid_open_tx(what: str) -> None:
    """Raise AssertionError when a transaction is open here: a lock held across the network is an outage waiting."""
    if tx_is_open.get():
        raise AssertionError(f"network call inside an open transaction: {what}")
