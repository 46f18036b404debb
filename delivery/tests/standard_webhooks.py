"""Signatures, judged by the `standardwebhooks` package."""

from standardwebhooks import Webhook, WebhookVerificationError

from delivery.tests.webhook_receiver import Call


def is_signed(call: Call, secret: str) -> bool:
    """Whether somebody who holds this secret accepts the call. Its body must be UTF-8: the package
    takes nothing else."""
    return _is_accepted(call.body, dict(call.headers), secret)


def is_payload_signed(call: Call, payload: str, secret: str) -> bool:
    """The same of the text inside a form, with its own signature."""
    signature = call.headers["fastsmtp-payload-signature"]
    return _is_accepted(payload.encode(), {**call.headers, "webhook-signature": signature}, secret)


def _is_accepted(content: bytes, headers: dict[str, str], secret: str) -> bool:
    try:
        Webhook(secret).verify(content, headers, json_parse=False)
    except WebhookVerificationError as error:
        if "No matching signature" not in str(error):
            raise
        return False
    return True
