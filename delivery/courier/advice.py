"""One sentence for people whose mail did not arrive: what to look at first."""

from http import HTTPStatus

from delivery.bodies.kept import NOT_ARCHIVED
from delivery.courier.suspicion import PROCESS_ENDED
from delivery.models import Delivery
from delivery.states import is_held

Status = Delivery.Status

_BY_CODE = {
    401: "The webhook wants credentials: give the recipient a header that carries them.",
    403: "The webhook wants other credentials: check the recipient's headers.",
    404: "There is no webhook at this URL: n8n wants the workflow active and its production URL.",
    406: "The receiver does not want this mail, so it is not tried again.",
    410: "The receiver has closed this webhook; its mail is held until the endpoint is enabled.",
    413: "The mail is too large for the receiver: raise the limit there.",
}
_THROTTLED = "The receiver is busy; FastSMTP tries again by itself."
_RECEIVER_FAILED = "The receiver failed, and its own log says why; FastSMTP tries again by itself."
_NOT_ACCEPTED = "The receiver did not accept the request; its own log should say why."
_UNREACHABLE = "Check the URL, and that the receiver is running; FastSMTP tries again by itself."
_NOT_ALLOWED = (
    "Webhooks go to public addresses only: if this host is yours, name it in "
    "FASTSMTP_WEBHOOK_ALLOWED_INTERNAL_DOMAINS."
)
_NO_ARCHIVE = (
    "The bucket does not take it, and FASTSMTP_PRESERVE_RAW_REQUIRED lets no mail go without: the "
    "worker's log says why. FastSMTP tries again by itself."
)
_DEADLY = (
    "Something in this mail ends the process that builds its webhook; it is tried apart from other "
    "mail, and the worker's log may say why it fails. After an upgrade, retry it."
)
_HELD = "Its endpoint is disabled: `endpoint enable URL` sends what is held."
_NOT_TAKEN = "No worker has taken it yet: is one running? `serve` starts one."


def advice_for(delivery: Delivery) -> str:
    """Empty where there is nothing to advise. Expects `endpoint__lane`, as `states` does."""
    if delivery.reason == "not_allowed":
        return _NOT_ALLOWED
    if delivery.status not in (Status.PENDING, Status.FAILED, Status.EXHAUSTED):
        return ""
    if is_held(delivery) and delivery.last_status_code != HTTPStatus.GONE:
        return _HELD
    if not delivery.last_error:
        return _NOT_TAKEN
    if delivery.last_error == NOT_ARCHIVED:
        return _NO_ARCHIVE
    if delivery.last_error == PROCESS_ENDED:
        return _DEADLY
    return _by_answer(delivery.last_status_code)


def _by_answer(code: int | None) -> str:
    if code is None:
        return _UNREACHABLE
    if code in (408, 425, 429, 503):
        return _THROTTLED
    return _BY_CODE.get(code) or (_RECEIVER_FAILED if code >= 500 else _NOT_ACCEPTED)
