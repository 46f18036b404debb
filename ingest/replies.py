"""Every reply that we decide on, with its enhanced status code (RFC 2034, RFC 3463).

No reply carries the text of an exception: what went wrong inside is for our log.
"""

# The greeting and the replies to HELO, EHLO and DATA have no enhanced code (RFC 2034 §4).
START_DATA = "354 End data with <CR><LF>.<CR><LF>"
START_TLS = "220 2.0.0 Ready to start TLS"
HELP = "214 2.0.0 See RFC 5321"
BYE = "221 2.0.0 Bye"
CANNOT_VERIFY = "252 2.0.0 Cannot verify, send the mail and see"
OK = "250 2.0.0 Ok"
SENDER_OK = "250 2.1.0 Ok"
RECIPIENT_OK = "250 2.1.5 Ok"

UNKNOWN_COMMAND = "500 5.5.1 Command not recognized"
LINE_TOO_LONG = "500 5.5.2 Line too long"
NO_PARAMETERS = "501 5.5.4 This command takes no parameters"
HELO_SYNTAX = "501 5.5.4 Syntax: EHLO hostname"
NO_STARTTLS = "503 5.5.1 STARTTLS is not offered here"
STARTTLS_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
HELO_FIRST = "503 5.5.1 Send HELO or EHLO first"
NESTED_MAIL = "503 5.5.1 Nested MAIL command"
NEED_MAIL = "503 5.5.1 Need MAIL command"
NEED_RECIPIENT = "503 5.5.1 Need RCPT command"
MAIL_SYNTAX = "501 5.5.4 Syntax: MAIL FROM:<address> [parameters]"
RCPT_SYNTAX = "501 5.5.4 Syntax: RCPT TO:<address> [parameters]"
BAD_PARAMETER = "501 5.5.4 Parameter with a wrong value"
UNKNOWN_PARAMETER = "555 5.5.4 Parameter not recognized"
BAD_SENDER = "553 5.1.7 Malformed sender address"
BAD_RECIPIENT = "553 5.1.3 Malformed recipient address"

UNKNOWN_DOMAIN = "550 5.1.2 This domain is not served here"
UNKNOWN_MAILBOX = "550 5.1.1 No such recipient here"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients"
TOO_LARGE = "552 5.3.4 Message exceeds the maximum size"
BARE_NEWLINE = "550 5.6.11 Bare CR, bare LF or NUL in the message"
DKIM_FAIL = "550 5.7.20 No DKIM signature of this mail is valid"
SPF_FAIL = "550 5.7.23 The SPF record of the sender does not allow this client"
LOOP = "554 5.4.6 Too many hops, this mail is going in circles"
TOO_BUSY = "452 4.3.1 Too much data in progress, try again later"
QUEUE_FULL = "451 4.3.2 The queue is full, try again later"
LOCAL_ERROR = "451 4.3.0 Local error, try again later"
IDLE = "421 4.4.2 Idle for too long, closing the connection"
TOO_SLOW = "421 4.4.2 The mail took too long, closing the connection"
TOO_MANY_CONNECTIONS = "421 4.7.0 Too many connections, try again later"
CONNECTION_RATE = "421 4.7.0 Too many connections in a minute, try again later"
MESSAGE_RATE = "421 4.7.0 Too many mails in a minute, try again later"
TOO_MANY_COMMANDS = "421 4.7.0 Too many commands without a mail"
TOO_MANY_ERRORS = "421 4.7.0 Too many errors"
ENDLESS_LINE = "421 4.7.0 A line without an end"
TOO_MANY_REFUSED = "421 4.7.0 Too many refused recipients"
NOT_SMTP = "421 4.7.0 This is an SMTP server"
SHUTTING_DOWN = "421 4.3.2 Service shutting down"


QUEUED = "250 2.0.0 Ok: queued as "


def queued(message_id: object) -> str:
    return f"{QUEUED}{message_id}"


def greeting(hostname: str) -> str:
    return f"220 {hostname} ESMTP FastSMTP"


def hello(hostname: str) -> str:
    return f"250 {hostname}"


def extensions(hostname: str, *, max_size: int, has_starttls: bool) -> str:
    """The reply to EHLO, over several lines (RFC 5321 §4.1.1.1)."""
    offered = [f"SIZE {max_size}", "8BITMIME", "SMTPUTF8", "PIPELINING", "ENHANCEDSTATUSCODES"]
    lines = [hostname, *offered, *(["STARTTLS"] if has_starttls else []), "HELP"]
    return "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])
