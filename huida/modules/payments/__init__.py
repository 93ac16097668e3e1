"""Payments with WeChat Pay: prepay, callbacks, queries, closing, refunds."""
