"""Feeds: what an ERP reads along with an API key, in the order in which it was recorded, without skipping one (I-10).

Owns no table. Reads purchases, refunds, recharges, their reversals, ledger movements and members, and writes nothing.
Facts: none.
"""
