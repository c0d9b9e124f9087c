"""Pages that say which of URL and token is wrong, once a webhook was refused."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from entrypoints.composition.container import build_container, count_for_prometheus
from infrastructure.configuration.api_access import keep_local_token
from tests.console.browsers import visiting
from tests.contracts.diagnosed_refusals import wait_for_diagnoses
from tests.end_to_end.frontdesk import hosting, serving
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import SMS
from tests.entrypoints.http.api.clients import Api

COMPANY = Providers.numbered(1)
ROTATED = replace(COMPANY, auth_token="f" * 32)
SIGNED = "https://hooks.shop.example/webhooks/sms"
CASES = {
    "http for https": ("http://hooks.shop.example", COMPANY, "Twilio signed https, and Frontdesk"),
    "wrong token": ("https://hooks.shop.example", ROTATED, "TWILIO_AUTH_TOKEN is most probably"),
}


@contextmanager
def refused(data_dir: Path, base_url: str, signer: Providers) -> Iterator[Api]:
    """A front desk with these settings, which has refused an SMS of ``signer``."""
    environ = {
        "DATA_DIR": str(data_dir),
        "PUBLIC_BASE_URL": base_url,
        "TWILIO_ACCOUNT_SID": COMPANY.account_sid,
        "TWILIO_AUTH_TOKEN": COMPANY.auth_token,
    }
    container = build_container(environ)
    count_for_prometheus(container)
    with hosting() as host, serving(host, container) as frontdesk:
        container.provider_accounts()
        webhook = replace(signer.webhook(SIGNED, SMS), url=frontdesk.url(SMS))
        assert frontdesk.post(webhook).status == 401
        wait_for_diagnoses()
        yield Api(frontdesk).with_token(keep_local_token(data_dir))


@pytest.mark.parametrize("case", CASES)
def test_pages_say_what_is_wrong(browser: Browser, tmp_path: Path, case: str) -> None:
    base_url, signer, cause = CASES[case]
    with (
        refused(tmp_path / "data", base_url, signer) as desk,
        visiting(browser, desk) as visitor,
    ):
        visitor.expected.append("404")
        for path in ("/refusals", "/trace?subject=SM" + "1" * 32, "/"):
            visitor.look(path)
            expect(visitor.page.get_by_text(re.compile(cause)).first).to_be_visible()
