"""The overview says why webhooks are refused: what is proven first."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.channels import ChannelType
from infrastructure import background_diagnoses
from infrastructure.channels import search_budget
from tests.contracts.diagnosed_refusals import wait_for_diagnoses
from tests.end_to_end.providers import Providers
from tests.entrypoints.http.console.test_overview import overviewed, text_at

COMPANY = Providers.numbered(1)
PUBLIC = "https://hooks.shop.example"


def test_what_is_proven_stands_before_what_a_forger_can_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_budget, "REST_SECONDS", 0.0)
    monkeypatch.setattr(background_diagnoses, "PAUSE_SECONDS", 0.0)
    with overviewed(
        tmp_path / "data",
        PUBLIC_BASE_URL=PUBLIC,
        TWILIO_ACCOUNT_SID=COMPANY.account_sid,
        TWILIO_AUTH_TOKEN=COMPANY.auth_token,
        SENDGRID_WEBHOOK_PUBLIC_KEY=COMPANY.mail_public_key,
    ) as browser:
        frontdesk = browser.frontdesk

        def refuse(signer: Providers, signed: str, channel: ChannelType) -> str:
            webhook = signer.webhook(signed, channel)
            assert frontdesk.post(replace(webhook, url=frontdesk.url(channel))).status == 401
            wait_for_diagnoses()
            return text_at(browser)

        forger = replace(COMPANY, auth_token="f" * 32)
        page = refuse(forger, f"{PUBLIC}/webhooks/sms", ChannelType.SMS)
        assert "1 SMS webhook of the last hour was refused: TWILIO_AUTH_TOKEN is most prob" in page
        assert "forms of the URL fits." in page
        assert "Or they are forged." in page
        page = refuse(COMPANY, f"{PUBLIC}:8443/webhooks/whatsapp", ChannelType.WHATSAPP)
        proven = "1 WhatsApp webhook of the last hour was refused: Twilio signed the port 8443"
        assert proven in page
        forged = replace(forger, account_sid=COMPANY.account_sid)
        page = refuse(forged, f"{PUBLIC}/webhooks/whatsapp", ChannelType.WHATSAPP)
        assert (
            proven.replace("1 WhatsApp webhook", "2 WhatsApp webhooks").replace("was", "were")
            in page
        )
        page = refuse(Providers.numbered(2), f"{PUBLIC}/webhooks/email", ChannelType.EMAIL)
        assert "sendgrid, signature_mismatch" in page
        assert page.index("Twilio signed the port 8443") < page.index("Or they are forged")
