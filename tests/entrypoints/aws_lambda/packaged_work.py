"""A program for the unpacked package, which is first on its path: everything that runs on Lambda.

Reads from standard input what there is to do, and prints the statuses of the webhooks and the
files of the package that were opened.
"""

import json
import os
import sys
from typing import Any

TASK = sys.path[0] + "/"
opened: set[str] = set()


def note(event: str, arguments: tuple[Any, ...]) -> None:
    """Remember the path of what is opened."""
    if event == "open" and isinstance(arguments[0], str):
        opened.add(arguments[0])


sys.addaudithook(note)
given = json.load(sys.stdin)


class Context:
    """What Lambda tells about an invocation."""

    aws_request_id = "invocation-1"

    def get_remaining_time_in_millis(self) -> int:
        """Enough for one batch of anything."""
        return 60_000


def work() -> list[object]:
    """Do everything; the statuses of the webhooks."""
    from entrypoints.aws_lambda.webhook_handler import lambda_handler

    statuses = [lambda_handler(event, None)["statusCode"] for event in given["events"]]
    send_fallbacks()
    run_other_functions()
    erase()
    read_tenants()
    open_clients()
    trust_https()
    compare_domains()
    return statuses


def send_fallbacks() -> None:
    """Through both providers."""
    from domain.channels import ChannelType
    from domain.fallback import Fallback
    from infrastructure.channels.sendgrid.sender import SendgridFallbackSender
    from infrastructure.channels.twilio.sender import TwilioFallbackSender
    from infrastructure.configuration.secrets.accounts import SendgridAccount, TwilioAccount
    from infrastructure.configuration.secrets.secret import Secret

    secret, sid, url = Secret("nothing"), "AC" + "5" * 32, given["provider_url"]
    twilio = TwilioFallbackSender(lambda: (TwilioAccount(sid, (secret,)),), url)
    twilio.send(Fallback(ChannelType.SMS, sid, "+14155550123", "+15005550006", "Hello"))
    mail = SendgridAccount("mail", api_key=secret, mail_from="desk@acme.example")
    sendgrid = SendgridFallbackSender(lambda: (mail,), url)
    sendgrid.send(Fallback(ChannelType.EMAIL, "mail", "ana@example.com", "x@acme.example", "Hi"))


def run_other_functions() -> None:
    """Drain the spool, relay and purge."""
    from entrypoints.aws_lambda import (
        drain_spool_handler,
        purge_expired_handler,
        relay_outbox_handler,
    )

    answer = drain_spool_handler.lambda_handler({"Records": given["spooled"]}, Context())
    assert answer == {"batchItemFailures": []}
    relay_outbox_handler.lambda_handler({}, Context())
    purge_expired_handler.lambda_handler({}, Context())


def erase() -> None:
    """Everything of a sender."""
    from domain.addresses import Address
    from domain.channels import ChannelType
    from entrypoints.composition.container import build_container

    erase_person = build_container(os.environ).operations().erase_person()
    report = erase_person([Address.parse(ChannelType.SMS, given["sender"])], lambda _: None)
    assert report.messages


def read_tenants() -> None:
    """Of a file with several companies."""
    from infrastructure.configuration.tenants_file import read_tenants

    assert read_tenants("file:tenants", lambda _: given["tenants"])


def open_clients() -> None:
    """Of every service."""
    from infrastructure.aws.clients import AwsClients

    aws = AwsClients()
    for client in (aws.dynamodb, aws.sqs, aws.s3, aws.secrets_manager):
        client()


def trust_https() -> None:
    """By the certificates that both HTTP clients take; the emulators have no TLS."""
    from botocore.httpsession import get_cert_path
    from certifi import where

    assert get_cert_path(True) == where()
    with open(where()) as certificates:  # noqa: PTH123 - it is noted
        assert certificates.read(1)


def compare_domains() -> None:
    """By the list of public suffixes."""
    from infrastructure.mail.author_alignment import are_aligned

    assert are_aligned("mail.acme.co.uk", "news.acme.co.uk")
    assert not are_aligned("acme.co.uk", "other.co.uk")


statuses = work()
opened |= {module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)}  # type: ignore[misc]  # they have one
inside = sorted(path.removeprefix(TASK) for path in opened if path.startswith(TASK))
print(json.dumps({"statuses": statuses, "opened": inside}))  # noqa: T201 - its result
