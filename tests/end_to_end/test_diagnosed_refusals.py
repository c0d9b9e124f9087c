"""A refused webhook is diagnosed, and its refusal says which of URL and secret is wrong."""

import json
from dataclasses import replace
from typing import Any

import pytest

from application.ports.refusals import BriefDiagnosis, Refusal
from domain.channels import ChannelType
from entrypoints.cli.trace import trace_record
from entrypoints.composition import signature_doctors
from entrypoints.http.api.records import RefusalRecord
from entrypoints.operations.refusal_checks import refusal_line
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.twilio.simulator import TwilioSimulator
from tests.contracts.diagnosed_refusals import wait_for_diagnoses
from tests.end_to_end.companies import ACME, BRILL
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import EMAIL, INVALID_SIGNATURE, SMS, TWIML

pytestmark = pytest.mark.usefixtures("diagnoses")

COMPANY = Providers.numbered(1)
PUBLIC = "https://hooks.shop.example"
TOKEN_FIRST = (
    "forms of the URL fits. Copy the auth token of account "
    f"{COMPANY.account_sid} from Twilio's console into TWILIO_AUTH_TOKEN, and restart Frontdesk. "
    "If it is the same, Twilio's console has another URL"
)


def served(serve: Serve, **settings: str) -> RunningFrontDesk:
    """A front desk that knows the accounts of the company."""
    secrets = {
        "TWILIO_ACCOUNT_SID": COMPANY.account_sid,
        "TWILIO_AUTH_TOKEN": COMPANY.auth_token,
        "SENDGRID_WEBHOOK_PUBLIC_KEY": COMPANY.mail_public_key,
    }
    frontdesk = serve({**secrets, **settings})
    frontdesk.container.provider_accounts()
    return frontdesk


def signed_for(
    url: str, signer: Providers = COMPANY, channel: ChannelType = SMS, **wanted: Any
) -> SimulatedRequest:
    """A message that was signed for ``url``."""
    return signer.webhook(url, channel, **wanted)


def refuse(
    frontdesk: RunningFrontDesk, webhook: SimulatedRequest, path: str = "/webhooks/sms", **more: str
) -> Refusal:
    """Post ``webhook``, whose signature is refused; its refusal, once it is diagnosed."""
    arriving = replace(webhook, url=frontdesk.url(path), headers={**webhook.headers, **more})
    assert frontdesk.post(arriving).shown == INVALID_SIGNATURE
    wait_for_diagnoses()
    return frontdesk.container.refusals().latest()[0]


def found(refusal: Refusal) -> BriefDiagnosis:
    assert refusal.diagnosis
    return refusal.diagnosis


def line(frontdesk: RunningFrontDesk, refusal: Refusal) -> str:
    """What the doctor says of ``refusal``."""
    return refusal_line(refusal, frontdesk.container.settings())


def test_wrong_token_is_named_first(serve: Serve) -> None:
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    rotated = replace(COMPANY, auth_token="f" * 32)
    refusal = refuse(frontdesk, signed_for(f"{PUBLIC}/webhooks/sms", rotated))
    assert (found(refusal).code, found(refusal).is_certain) == ("none_fits", False)
    shown = line(frontdesk, refusal)
    assert ". TWILIO_AUTH_TOKEN is most probably not the account's token any more: none of" in shown
    assert TOKEN_FIRST in shown
    assert "has accepted none of this account since it started" in shown
    assert "Either Twilio's console" not in shown
    traced = frontdesk.container.operations().trace_message()("SM" + "9" * 32)
    assert traced.statement.cause.endswith(f"). {found(refusal).cause}")
    assert traced.statement.remedy.startswith(f"{found(refusal).remedy}. Then let the customer")
    (in_trace,) = json.loads(json.dumps(trace_record(traced), default=str))["refusals"]
    in_api = RefusalRecord.model_validate(refusal).model_dump()
    for record in (in_trace, in_api):
        assert record["diagnosis"]["code"] == "none_fits"
        assert record["diagnosis"]["remedy"] == found(refusal).remedy


def test_token_that_was_right_a_while_ago_is_told_with_the_time(serve: Serve) -> None:
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    accepted = replace(signed_for(f"{PUBLIC}/webhooks/sms"), url=frontdesk.url(SMS))
    assert frontdesk.post(accepted).shown == TWIML
    forged = replace(COMPANY, auth_token="f" * 32)
    refusal = refuse(frontdesk, signed_for(f"{PUBLIC}/webhooks/sms", forged))
    assert refusal.accepted_at
    assert refusal.accepted_at <= refusal.last_at
    assert "that was accepted before came at " in line(frontdesk, refusal)


def test_probe_is_no_proof_of_the_token(serve: Serve) -> None:
    """A probe is signed with the token that is configured, be it right or not."""
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    simulator = TwilioSimulator(COMPANY.account_sid, COMPANY.auth_token)
    probe = simulator.status_callback(f"{PUBLIC}/webhooks/sms", SMS)
    assert frontdesk.post(replace(probe, url=frontdesk.url(SMS))).shown == TWIML
    rotated = replace(COMPANY, auth_token="f" * 32)
    refusal = refuse(frontdesk, signed_for(f"{PUBLIC}/webhooks/sms", rotated))
    assert refusal.accepted_at is None


@pytest.mark.parametrize(
    ("settings", "signed", "code", "cure"),
    [
        ({"PUBLIC_BASE_URL": "http://hooks.shop.example"}, f"{PUBLIC}/webhooks/sms",
         "scheme", f"Set PUBLIC_BASE_URL={PUBLIC}, and restart Frontdesk"),
        ({}, f"{PUBLIC}/webhooks/sms", "scheme",
         f"Set PUBLIC_BASE_URL={PUBLIC}, and restart Frontdesk; or in the"),
        ({"PUBLIC_BASE_URL": PUBLIC}, f"{PUBLIC}:8443/webhooks/sms",
         "port", f"Set PUBLIC_BASE_URL={PUBLIC}:8443, and restart Frontdesk; or"),
        ({"PUBLIC_BASE_URL": PUBLIC}, f"{PUBLIC}/twilio/webhooks/sms",
         "path_prefix_removed", f"Set PUBLIC_BASE_URL={PUBLIC}/twilio, and restart Frontdesk; or"),
        ({"PUBLIC_BASE_URL": PUBLIC}, f"{PUBLIC}/webhooks/sms/",
         "trailing_slash",
         f"Set SMS_WEBHOOK_URL={PUBLIC}/webhooks/sms/, and restart Frontdesk; or"),
    ],
)  # fmt: skip
def test_url_that_was_signed_is_told_with_the_setting(
    serve: Serve, settings: dict[str, str], signed: str, code: str, cure: str
) -> None:
    frontdesk = served(serve, **settings)
    refusal = refuse(frontdesk, signed_for(signed), Host="hooks.shop.example")
    assert (found(refusal).code, found(refusal).is_certain) == (code, True)
    assert found(refusal).remedy.startswith(cure)
    shown = line(frontdesk, refusal)
    assert f"{found(refusal).cause} {cure}" in shown
    assert "TOKEN" not in shown


def test_proxy_that_is_not_trusted_is_told(serve: Serve) -> None:
    """The request is judged as it was checked: its sender is no trusted proxy."""
    frontdesk = served(serve, TRUSTED_PROXIES="10.0.0.0/8")
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hooks.shop.example"}
    refusal = refuse(frontdesk, signed_for(f"{PUBLIC}/webhooks/sms"), **forwarded)
    assert found(refusal).code == "scheme+host"
    assert "set TRUSTED_PROXIES to the network of the proxy" in found(refusal).remedy


def test_hidden_host_is_told_before_the_token(serve: Serve) -> None:
    frontdesk = served(serve)
    refusal = refuse(frontdesk, signed_for(f"{PUBLIC}/webhooks/sms"))
    assert not found(refusal).is_certain
    assert "shows the host 127.0.0.1, which Twilio cannot call" in found(refusal).cause
    assert found(refusal).remedy.startswith("Set PUBLIC_BASE_URL to the part before /webhooks")


def test_query_of_a_whole_url_is_told_without_its_values(serve: Serve) -> None:
    frontdesk = served(serve, SMS_WEBHOOK_URL=f"{PUBLIC}/webhooks/sms?key=old")
    signed = signed_for(f"{PUBLIC}/webhooks/sms?key=s3cret")
    refusal = refuse(frontdesk, signed, "/webhooks/sms?key=s3cret")
    assert found(refusal).code == "query"
    cure = f"Set SMS_WEBHOOK_URL={PUBLIC}/webhooks/sms?key=*, and restart Frontdesk; or"
    assert found(refusal).remedy.startswith(cure)
    assert "s3cret" not in repr(refusal)


def test_large_body_is_not_diagnosed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    diagnosed = count_diagnoses(monkeypatch)
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    large = signed_for("https://other.example/webhooks/sms", body="x" * 40_000)
    refusal = refuse(frontdesk, large)
    assert (refusal.diagnosis, diagnosed) == (None, [])
    assert "Either Twilio's console has another URL" in line(frontdesk, refusal)


def test_flood_of_forged_requests_is_one_diagnosis(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    diagnosed = count_diagnoses(monkeypatch)
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    forger = replace(COMPANY, auth_token="f" * 32)
    stranger = Providers.numbered(7)
    for number in range(60):
        for signer in (forger, stranger):
            webhook = signed_for(f"{PUBLIC}/webhooks/sms?n={number}", signer)
            refuse(frontdesk, webhook, f"/webhooks/sms?n={number}")
    assert len(diagnosed) == 1


def count_diagnoses(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is diagnosed from now on."""
    diagnosed: list[object] = []
    diagnose = signature_doctors.diagnose_refused

    def counted(*arguments: Any) -> BriefDiagnosis | None:
        diagnosed.append(arguments[0])
        return diagnose(*arguments)

    monkeypatch.setattr(signature_doctors, "diagnose_refused", counted)
    return diagnosed


def test_costs_of_a_diagnosis_are_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack: forms that take long to vary. What was tried then says how little it was."""
    monkeypatch.setattr(signature_doctors, "MOST_HASHED_BYTES", 1_000_000)
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    fields = {f"Field{number}": "x" * 40 for number in range(490)}
    forger = replace(COMPANY, auth_token="f" * 32)
    form = forger.form(PUBLIC, {"AccountSid": COMPANY.account_sid, **fields})
    refusal = refuse(frontdesk, form)
    tried = int(found(refusal).cause.rpartition("none of ")[2].split()[0].replace(",", ""))
    assert 10 < tried < 1_000_000 // len(form.body) * 2


def test_mail_with_another_key_and_with_a_changed_body(serve: Serve) -> None:
    frontdesk = served(serve)
    url = frontdesk.url(EMAIL)
    other_key = Providers.numbered(2).webhook(url, EMAIL)
    refusal = refuse(frontdesk, other_key, "/webhooks/email")
    assert (refusal.channel, found(refusal).is_certain) == (EMAIL, False)
    assert "So SENDGRID_WEBHOOK_PUBLIC_KEY is most probably not the key" in found(refusal).cause
    assert found(refusal).remedy.startswith("Compare SENDGRID_WEBHOOK_PUBLIC_KEY")


def test_proxy_that_changes_line_breaks_of_mail_is_told(serve: Serve) -> None:
    frontdesk = served(serve)
    mail = COMPANY.webhook(frontdesk.url(EMAIL), EMAIL)
    changed = replace(mail, body=mail.body.replace(b"\r\n", b"\n"))
    refusal = refuse(frontdesk, changed, "/webhooks/email")
    assert (found(refusal).code, found(refusal).is_certain) == ("line_breaks", True)


def test_token_of_another_account_is_not_to_be_trusted(
    serve: Serve, tenants: dict[str, str]
) -> None:
    """The attack: a company that signs with its own token in the name of another one."""
    frontdesk = serve(tenants)
    frontdesk.container.provider_accounts()
    one, other = ACME.providers, BRILL.providers
    forged = signed_for(frontdesk.url(SMS), replace(one, auth_token=other.auth_token))
    refusal = refuse(frontdesk, forged)
    assert (found(refusal).code, found(refusal).is_certain) == ("other_account", True)
    assert refusal.account == one.account_sid
    assert "If not, trust it for no other account" in found(refusal).remedy
    assert other.auth_token not in repr(refusal)


@pytest.mark.parametrize(
    ("channel", "code", "before", "after"),
    [(SMS, "plus_signs", b"=%2B", b"=%20"), (EMAIL, "body_rebuilt", b"--xYzZY", b"--other")],
)
def test_nobody_is_told_to_capture_what_was_received(
    serve: Serve, channel: ChannelType, code: str, before: bytes, after: bytes
) -> None:
    frontdesk = served(serve, PUBLIC_BASE_URL=PUBLIC)
    webhook = signed_for(f"{PUBLIC}/webhooks/{channel}", channel=channel)
    changed = replace(webhook, body=webhook.body.replace(before, after))
    refusal = refuse(frontdesk, changed, f"/webhooks/{channel}")
    assert found(refusal).code == code
    assert found(refusal).remedy
    assert "capture" not in found(refusal).remedy
