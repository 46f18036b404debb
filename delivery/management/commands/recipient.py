"""Recipients, by hand: `recipient create example.com support https://…`."""

from typing import Any

from django.core.management import CommandError

from delivery.by_hand.deletion import delete_recipient
from delivery.by_hand.relocation import save_recipient
from delivery.management.find import find_domain, find_recipient
from delivery.models import Recipient
from fastsmtp.cli import ActionsCommand


class Command(ActionsCommand):
    help = "Create, list and delete recipients. A local part of * is the catch-all."

    def add_actions(self) -> None:
        create = self.action("create", self.create, "post the mail of an address to a webhook")
        _add_address_arguments(create)
        create.add_argument("url", metavar="URL")
        create.add_argument(
            "--header",
            action="append",
            default=[],
            dest="headers",
            metavar="NAME=VALUE",
            help="a header to send with every call; may be repeated",
        )
        list_recipients = self.list_action(self.list_all, "list the recipients")
        list_recipients.add_argument("domain", metavar="DOMAIN", nargs="?")
        delete = self.action("delete", self.delete, "delete a recipient")
        _add_address_arguments(delete)

    def create(
        self, *, domain: str, local_part: str, url: str, headers: list[str], **_: object
    ) -> None:
        recipient = Recipient(
            domain=find_domain(domain),
            local_part=local_part,
            webhook_url=url,
            webhook_headers=dict(_parse_header(text) for text in headers),
        )
        recipient.full_clean()
        save_recipient(recipient)
        self.say(f"Recipient {recipient} created: its mail goes to {url}.")
        for warning in recipient.warnings:
            self.warn(f"Warning: {warning}.")

    def list_all(self, *, domain: str | None, as_json: bool, **_: object) -> None:
        recipients = Recipient.objects.select_related("domain").order_by(
            "domain__domain_name", "local_part"
        )
        if domain is not None:
            recipients = recipients.filter(domain=find_domain(domain))
        rows = [
            {
                "address": recipient.address,
                "webhook_url": recipient.webhook_url,
                "headers": ", ".join(recipient.known_headers),
                "enabled": recipient.is_enabled,
            }
            for recipient in recipients
        ]
        self.print_rows(rows, as_json=as_json, otherwise="There are no recipients.")

    def delete(self, *, domain: str, local_part: str, **_: object) -> None:
        recipient = find_recipient(find_domain(domain), local_part)
        cancelled = delete_recipient(recipient)
        self.say(f"Recipient {recipient} deleted; {cancelled} open deliveries cancelled.")


def _add_address_arguments(parser: Any) -> None:
    parser.add_argument("domain", metavar="DOMAIN")
    parser.add_argument("local_part", metavar="LOCAL_PART")


def _parse_header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"“{text}” is not a header: write NAME=VALUE.")
    return name.strip(), value.strip()
