"""Simulated WeChat Pay APIv3 for direct merchants: JSAPI and mini-program payment, refunds, callbacks, certificates.

References in this package ("reference §1.x, §2.x") are to the public documents of WeChat Pay: interface rules, signature
rules, callback rules and order states of APIv3, pages 4012525167 and 4012556398 (JSAPI orders), 4012154180 (public keys),
the error pages of orders and refunds, and the official SDKs for Go and Java.
"""
