"""Simulated SMS: Aliyun Dysmsapi and Tencent Cloud SMS, and the carriers behind them.

References in this package ("reference §5.x") are to the public documents of both providers: Aliyun help pages
SendSms, SendBatchSms, 短信发送规则 (44335), 流控 (2881383), API 错误码 (101346), SmsReport (101867), SmsUp, 短信模板规范
(91975), the ACS3 and RPC signature pages; Tencent Cloud documents 382/55981, 382/39023 and the TC3 signature page.
"""
