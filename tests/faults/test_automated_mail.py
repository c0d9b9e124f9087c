"""A corpus of mail from programs and from people: only people receive a fallback.

Each file is a mail as a mailbox stores it: ``Return-Path`` is the envelope sender,
``Delivered-To`` the recipient where ``To`` is another, ``X-Spam-Score`` what a filter found.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from email.utils import parseaddr
from pathlib import Path

import pytest

from domain.automated_mail import AutomatedKind
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.memory.memory_metrics import MemoryMetrics
from tests.end_to_end.providers import Providers
from tests.faults.in_process import HttpRequest, InProcessFrontDesk, in_process_frontdesk
from tests.infrastructure.channels.sendgrid.webhooks import Part, a_field

CORPUS = Path(__file__).parents[1] / "payloads" / "automated_mail"
MACHINES = sorted(path.stem for path in (CORPUS / "machines").glob("*.eml"))
PEOPLE = sorted(path.stem for path in (CORPUS / "people").glob("*.eml"))
KINDS = {
    "bounce": AutomatedKind.REPORT,
    "calendar_": AutomatedKind.CALENDAR,
    "list_": AutomatedKind.MAILING_LIST,
    "newsletter_": AutomatedKind.MAILING_LIST,
    "out_of_office": AutomatedKind.AUTO_REPLY,
    "out_of_office_unix_vacation": AutomatedKind.MAILING_LIST,
    "read_receipt": AutomatedKind.REPORT,
}
REASONS: dict[str, str] = json.loads((CORPUS / "reasons.json").read_text())


@dataclass(frozen=True)
class CorpusMail:
    """A file of the corpus, and the form in which SendGrid posts it."""

    raw: bytes

    def parts(self) -> tuple[Part, ...]:
        """The form of raw mode, with an authenticated author so that no other rule applies."""
        headers = HeaderParser().parsestr(self.raw.decode("ascii"))
        author = parseaddr(headers["From"])[1]
        envelope = {
            "to": [headers["Delivered-To"] or parseaddr(headers["To"])[1]],
            "from": headers["Return-Path"].strip("<>"),
        }
        return (
            a_field("email", self._as_sent()),
            a_field("envelope", json.dumps(envelope).encode()),
            a_field("dkim", f"{{@{author.rpartition('@')[2]} : pass}}".encode()),
            a_field("SPF", b"none"),
            a_field("spam_score", (headers["X-Spam-Score"] or "0.1").encode()),
        )

    def _as_sent(self) -> bytes:
        """The mail without the mailbox's first line, and with the line ends of SMTP."""
        return self.raw.partition(b"\n")[2].replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class MailFrontDesk:
    """A front desk that writes fallbacks to a file."""

    frontdesk: InProcessFrontDesk

    def post(self, kind: str, name: str) -> int:
        data_dir = self.frontdesk.container.settings().data_dir
        providers = Providers.of(keep_development_credentials(data_dir))
        mail = CorpusMail((CORPUS / kind / f"{name}.eml").read_bytes())
        webhook = providers.multipart_form("http://internal/webhooks/email", *mail.parts())
        headers = tuple(webhook.headers.items())
        return self.frontdesk.post(HttpRequest("/webhooks/email", webhook.body, headers))

    def counted(self, **dimensions: str) -> int:
        metrics = self.frontdesk.container.metrics()
        assert isinstance(metrics, MemoryMetrics)
        return metrics.total("Fallbacks", channel="email", **dimensions)

    def fallback_recipients(self) -> list[str]:
        file = self.frontdesk.container.settings().data_dir / "fallbacks.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["to"] for line in lines]


@pytest.fixture
def mail_frontdesk(tmp_path: Path) -> Iterator[MailFrontDesk]:
    with in_process_frontdesk(tmp_path, {}, fallbacks_per_hour=1000) as frontdesk:
        yield MailFrontDesk(frontdesk)


@pytest.mark.parametrize("name", MACHINES)
def test_automated_mail_receives_no_fallback(mail_frontdesk: MailFrontDesk, name: str) -> None:
    assert mail_frontdesk.post("machines", name) == 200
    assert mail_frontdesk.frontdesk.stored_counts().messages == 1
    assert mail_frontdesk.fallback_recipients() == []
    assert mail_frontdesk.counted(reason=REASONS[name]) == mail_frontdesk.counted() == 1


@pytest.mark.parametrize("name", PEOPLE)
def test_mail_from_a_person_receives_one_fallback(mail_frontdesk: MailFrontDesk, name: str) -> None:
    assert [mail_frontdesk.post("people", name) for _ in range(2)] == [200, 200]
    (message,) = mail_frontdesk.frontdesk.container.message_store().list_unmatched(10).items
    assert mail_frontdesk.fallback_recipients() == [message.message.sender.value]
    assert mail_frontdesk.counted(result="written_to_file") == mail_frontdesk.counted() == 1


def automated(mail_frontdesk: MailFrontDesk) -> object:
    (message,) = mail_frontdesk.frontdesk.container.message_store().list_unmatched(10).items
    return message.message.metadata.get("automated")


@pytest.mark.parametrize("name", [name for name in MACHINES if REASONS[name] != "spam"])
def test_automated_mail_is_marked_with_its_kind(mail_frontdesk: MailFrontDesk, name: str) -> None:
    mail_frontdesk.post("machines", name)
    found = automated(mail_frontdesk)
    assert isinstance(found, dict)
    if REASONS[name] == "machine_mailbox" and found["kind"] == "notification":
        return  # nothing else tells
    kinds = [kind for beginning, kind in KINDS.items() if name.startswith(beginning)]
    assert found["kind"] in (kinds or list(AutomatedKind))


@pytest.mark.parametrize("name", PEOPLE)
def test_mail_from_a_person_is_not_marked(mail_frontdesk: MailFrontDesk, name: str) -> None:
    mail_frontdesk.post("people", name)
    assert automated(mail_frontdesk) is None


def test_mail_corpus_is_large_and_every_automated_mail_has_a_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capsys.disabled():
        print(f"{len(MACHINES)} machines, {len(PEOPLE)} people: {dict(Counter(REASONS.values()))}")  # noqa: T201 - the figures are for the developer who runs it
    assert sorted(REASONS) == MACHINES
    assert len(MACHINES) >= 60
    assert len(PEOPLE) >= 15
