"""When a fallback may be sent, and why it is suppressed."""

from datetime import timedelta

import pytest

from domain.automated_mail import (
    NotableHeaders,
    Suppression,
    is_machine_mailbox,
    sign_of_automated_mail,
)
from domain.channels import ChannelType
from domain.fallback import OwnAddresses, suppression_of_fallback
from domain.messages import InboundMessage
from tests.builders import NOW, an_inbound_message

NO_OWN_ADDRESSES = OwnAddresses(frozenset())


def a_mail(
    headers: dict[str, str] | None = None,
    *,
    envelope_sender: str | None = "ana@example.com",
    addressed_to_us: bool = True,
    spam_score: float | None = None,
) -> NotableHeaders:
    return NotableHeaders(
        {name.lower(): (value,) for name, value in (headers or {}).items()},
        envelope_sender,
        addressed_to_us,
        spam_score,
    )


def suppression(
    message: InboundMessage, own: OwnAddresses = NO_OWN_ADDRESSES
) -> Suppression | None:
    return suppression_of_fallback(message, own, NOW)


@pytest.mark.parametrize("channel", [ChannelType.SMS, ChannelType.WHATSAPP])
def test_fallback_is_allowed_for_an_ordinary_message(channel: ChannelType) -> None:
    assert suppression(an_inbound_message(channel)) is None


@pytest.mark.parametrize(
    "body",
    [
        *("STOP", "stop", " Stop \n", "UNSUBSCRIBE", "end", "Quit", "STOPALL", "revoke"),
        *("optout", "cancel", "START", "yes", "unstop", "HELP", "info"),
    ],
)
def test_fallback_is_suppressed_for_opt_out_words(body: str) -> None:
    assert suppression(an_inbound_message(body=body)) is Suppression.OPT_OUT_WORD


@pytest.mark.parametrize("body", ["please stop", "stop it", "yes please", "", "information"])
def test_fallback_is_allowed_for_texts_that_only_contain_an_opt_out_word(body: str) -> None:
    assert suppression(an_inbound_message(body=body)) is None


@pytest.mark.parametrize("opt_out_type", ["STOP", "START", "HELP", "anything new"])
def test_fallback_is_suppressed_for_every_opt_out_type(opt_out_type: str) -> None:
    message = an_inbound_message(opt_out_type=opt_out_type)
    assert suppression(message) is Suppression.OPT_OUT_TYPE


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("24273", Suppression.SHORT_CODE),
        ("ACME", Suppression.ALPHANUMERIC_SENDER),
        ("rcs:+14155550123", Suppression.UNKNOWN_SCHEME),
        ("+15005550006", Suppression.OWN_ADDRESS),
    ],
)
def test_fallback_is_suppressed_for_senders_that_cannot_receive_it(
    sender: str, reason: Suppression
) -> None:
    assert suppression(an_inbound_message(sender=sender)) is reason


def test_fallback_is_suppressed_for_a_message_that_may_be_regrouped() -> None:
    message = an_inbound_message(metadata={"regrouping_suspected": True})
    assert suppression(message) is Suppression.UNAUTHENTICATED_AUTHOR


def test_fallback_is_suppressed_for_a_message_older_than_an_hour() -> None:
    old = an_inbound_message(received_at=NOW - timedelta(hours=1, microseconds=1))
    recent = an_inbound_message(received_at=NOW - timedelta(hours=1))

    assert suppression(old) is Suppression.STALE
    assert suppression(recent) is None


def test_fallback_is_suppressed_for_own_numbers() -> None:
    own = OwnAddresses(frozenset({"+14155550123"}))
    assert suppression(an_inbound_message(), own) is Suppression.OWN_ADDRESS


@pytest.mark.parametrize(
    "own", ["ana@example.com", "example.com", "ana+robot@example.com"], ids=str
)
def test_fallback_is_suppressed_for_own_mailboxes_and_mail_domains(own: str) -> None:
    mail = an_inbound_message(ChannelType.EMAIL, sender="ana+robot@example.com", mail=a_mail())
    assert suppression(mail, OwnAddresses(frozenset({own}))) is Suppression.OWN_ADDRESS


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("robot@acme.example", "help@acme.example"),
        ("robot@acme.example", "help@inbound.acme.example"),
        ("Ana@ACME.example", "help@acme.example"),
    ],
)
def test_fallback_is_suppressed_for_mail_from_the_domain_of_its_recipient(
    sender: str, recipient: str
) -> None:
    mail = an_inbound_message(ChannelType.EMAIL, sender=sender, recipient=recipient, mail=a_mail())
    assert suppression(mail) is Suppression.OWN_ADDRESS


@pytest.mark.parametrize(
    "sender", ["ana@notacme.example", "ana@acme.example.net", "ana@customer.acme.example"]
)
def test_fallback_is_allowed_for_mail_from_another_domain(sender: str) -> None:
    mail = an_inbound_message(ChannelType.EMAIL, sender=sender, mail=a_mail())
    assert suppression(mail) is None


def test_fallback_is_allowed_for_mail_of_a_person() -> None:
    assert suppression(an_inbound_message(ChannelType.EMAIL, mail=a_mail(), body="stop")) is None


def test_fallback_is_suppressed_for_mail_with_unauthenticated_author() -> None:
    mail = an_inbound_message(ChannelType.EMAIL, mail=a_mail(), author_authenticated=False)
    assert suppression(mail) is Suppression.UNAUTHENTICATED_AUTHOR


def test_fallback_is_suppressed_for_the_mailbox_of_a_machine() -> None:
    mail = an_inbound_message(ChannelType.EMAIL, sender="no-reply@example.com", mail=a_mail())
    assert suppression(mail) is Suppression.MACHINE_MAILBOX


def test_fallback_is_suppressed_for_auto_submitted_mail() -> None:
    mail = an_inbound_message(ChannelType.EMAIL, mail=a_mail({"Auto-Submitted": "auto-replied"}))
    assert suppression(mail) is Suppression.AUTO_SUBMITTED


@pytest.mark.parametrize(
    ("notable_headers", "sign"),
    [
        (a_mail(), None),
        (a_mail({"Auto-Submitted": "no"}), None),
        (a_mail({"Auto-Submitted": "No (a person wrote this)"}), None),
        (a_mail({"Auto-Submitted": "auto-generated; owner=x"}), Suppression.AUTO_SUBMITTED),
        (a_mail({"Auto-Submitted": "AUTO-NOTIFIED"}), Suppression.AUTO_SUBMITTED),
        (a_mail(envelope_sender=""), Suppression.NULL_SENDER),
        (a_mail(envelope_sender="<>"), Suppression.NULL_SENDER),
        (a_mail(envelope_sender=None), Suppression.NULL_SENDER),
        (a_mail({"List-Id": "<news.example.com>"}), Suppression.MAILING_LIST),
        (a_mail({"List-Unsubscribe": "<mailto:u@example.com>"}), Suppression.MAILING_LIST),
        (a_mail({"Precedence": "Bulk"}), Suppression.BULK_PRECEDENCE),
        (a_mail({"Precedence": "first-class"}), None),
        (
            a_mail({"X-Auto-Response-Suppress": "DR, OOF"}),
            Suppression.RESPONSE_SUPPRESSED,
        ),
        (a_mail({"X-Auto-Response-Suppress": "All"}), Suppression.RESPONSE_SUPPRESSED),
        (a_mail({"X-Auto-Response-Suppress": "DR"}), None),
        (a_mail({"X-Autoreply": "yes"}), Suppression.AUTO_RESPONSE_HEADER),
        (a_mail({"X-Autoreply": "no"}), None),
        (a_mail({"X-Loop": "help@example.com"}), Suppression.AUTO_RESPONSE_HEADER),
        (a_mail({"Content-Type": 'multipart/report; boundary="x"'}), Suppression.REPORT),
        (a_mail({"Content-Type": "multipart/mixed"}), None),
        (a_mail(envelope_sender="MAILER-DAEMON@example.com"), Suppression.MACHINE_MAILBOX),
        (a_mail(envelope_sender="bounces+123@example.com"), Suppression.MACHINE_MAILBOX),
        (a_mail(addressed_to_us=False), Suppression.NOT_ADDRESSED_TO_US),
        (a_mail(spam_score=5.0), Suppression.SPAM),
        (a_mail(spam_score=4.9), None),
    ],
)
def test_sign_of_automated_mail_is_found_in_notable_headers(
    notable_headers: NotableHeaders, sign: Suppression | None
) -> None:
    assert sign_of_automated_mail(notable_headers) is sign


@pytest.mark.parametrize(
    "local_part",
    [
        *("MAILER-DAEMON", "mailerdaemon", "postmaster", "LISTSERV", "majordomo", "owner-news"),
        *("news-request", "no-reply", "noreply", "NoReply", "do-not-reply", "donotreply"),
        *("no_reply", "orders-noreply", "noreply-orders", "bounce", "bounces+7", "auto-reply"),
        *("automated", "notifications", "notification", "Notify", "notifier", "alert", "alerts"),
        *("order-notifications", "alerts-eu", "notifications+7", "build.alerts"),
    ],
)
def test_mailbox_name_of_a_machine_is_recognised(local_part: str) -> None:
    assert is_machine_mailbox(local_part)


@pytest.mark.parametrize(
    "local_part",
    [
        "ana",
        "reply",
        "owner",
        "request",
        "norman",
        "nora.reply",
        "listener",
        "",
        "alertina",
        "notarius",
    ],
)
def test_mailbox_name_of_a_person_is_not_taken_for_a_machine(local_part: str) -> None:
    assert not is_machine_mailbox(local_part)
