"""Which refusals speak of our account at this provider, so that another provider may take the same message."""

from typing import Final

from huida.kernel.http import Refused

_ACCOUNT: Final = (
    *("aliyun.isv.AMOUNT_NOT_ENOUGH", "aliyun.isv.OUT_OF_SERVICE", "aliyun.isv.PRODUCT_UN"),
    *("aliyun.isv.ACCOUNT_", "aliyun.isp.RAM_PERMISSION_DENY", "aliyun.isv.DENY_IP_RANGE"),
    *("aliyun.SignatureDoesNotMatch", "aliyun.InvalidAccessKeyId", "aliyun.MissingAccessKeyId", "aliyun.Forbidden"),
    *("aliyun.InvalidTimeStamp", "aliyun.SignatureNonceUsed"),
    *("tencent.AuthFailure", "tencent.UnauthorizedOperation.", "tencent.FailedOperation.InsufficientBalance"),
    *("http.401", "http.403"),
)
_SET_UP: Final = (
    *("aliyun.isv.SMS_SIGN", "aliyun.isv.SIGN_", "aliyun.isv.SMS_TEMPLATE_ILLEGAL"),
    *("tencent.FailedOperation.Signature", "tencent.FailedOperation.Template", "tencent.FailedOperation.Qualification"),
)
_OFTEN: Final = (
    "aliyun.isv.BUSINESS_LIMIT",
    "aliyun.isv.DAY_LIMIT",
    "aliyun.isv.MONTH_LIMIT",
    "tencent.LimitExceeded.",
)


def is_account_trouble(refused: Refused) -> bool:
    """The account itself does not work: no money, no right, a wrong key."""
    return refused.code.startswith(_ACCOUNT)


def another_may(refused: Refused) -> bool:
    """Certainly not sent, for a reason that another provider need not have; never what concerns the person's number."""
    return refused.code.startswith((*_ACCOUNT, *_SET_UP, *_OFTEN))
