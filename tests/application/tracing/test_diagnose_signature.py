"""Which captured requests are diagnosed, by whom."""

from dataclasses import dataclass, field

import pytest
from typing_extensions import override

from application.ports.signature_doctor import (
    Capture,
    Cause,
    Diagnosis,
    DiagnosisStatus,
    SignatureDoctor,
)
from application.tracing.diagnose_signature import DiagnoseSignature, NoWebhookError
from domain.channels import ChannelType

SIGNED = (("x-provider-signature", "a"), ("x-provider-signature", "b"))


@dataclass
class StubDoctor(SignatureDoctor):
    """Knows requests with its header, and remembers for which channel it was asked."""

    header: str
    asked: list[ChannelType | None] = field(default_factory=list)

    @override
    def recognises(self, capture: Capture) -> bool:
        return capture.header(self.header) is not None

    @override
    def diagnose(self, capture: Capture, channel: ChannelType | None) -> Diagnosis:
        self.asked.append(channel)
        status = DiagnosisStatus.EXPLAINED
        return Diagnosis(capture.title, self.header, status, (Cause.SCHEME,), "http, not https")


def captured(path: str, headers: tuple[tuple[str, str], ...] = SIGNED) -> Capture:
    return Capture(f"POST {path}", "POST", "https://a.example", path, (), headers, b"")


def test_webhooks_among_other_requests_are_diagnosed_in_order() -> None:
    other, doctor = StubDoctor("x-other"), StubDoctor("x-provider-signature")
    requests = [captured("/webhooks/sms"), captured("/logo.png", ()), captured("/elsewhere")]
    diagnoses = list(DiagnoseSignature([other, doctor])(requests))
    assert [one.title for one in diagnoses] == ["POST /webhooks/sms", "POST /elsewhere"]
    assert (other.asked, doctor.asked) == ([], [ChannelType.SMS, None])


def test_capture_without_a_webhook_is_told() -> None:
    with pytest.raises(NoWebhookError, match="neither a signature header nor"):
        list(DiagnoseSignature([StubDoctor("x-other")])([captured("/webhooks/sms")]))


def test_first_of_repeated_headers_counts() -> None:
    assert captured("/").header("x-provider-signature") == "a"
    assert captured("/").header("x-missing") is None


@pytest.mark.parametrize(
    ("tried", "kinds", "search"),
    [
        (0, (), None),
        (1, ("the URL",), "1 signature computed, varying the URL"),
        (9, ("the URL", "the body"), "9 signatures computed, varying the URL, the body"),
    ],
)
def test_diagnosis_says_how_much_was_tried(
    tried: int, kinds: tuple[str, ...], search: str | None
) -> None:
    status = DiagnosisStatus.UNEXPLAINED
    found = Diagnosis("POST /", "Pigeon", status, (), "", tried=tried, tried_kinds=kinds)
    assert found.search == search
    assert found.between_remedies == "or"
