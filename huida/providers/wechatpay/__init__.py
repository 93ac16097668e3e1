"""WeChat Pay APIv3 of any direct merchant (reference: wechat-pay-and-sms §1, §2)."""
