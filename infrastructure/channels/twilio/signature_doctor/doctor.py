"""Why a request that should be Twilio's is refused."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from typing_extensions import override

from application.ports.signature_doctor import (
    Capture,
    Cause,
    Diagnosis,
    DiagnosisStatus,
    SignatureDoctor,
)
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.errors import ValidationError
from infrastructure.channels.provider import DoctorTools, UrlSettings
from infrastructure.channels.remedies import RESTART, alternatives
from infrastructure.channels.twilio.signature_doctor.cures import FindCure
from infrastructure.channels.twilio.signature_doctor.explanations import (
    URL_CAUSES,
    changes_in_proxy,
    remedies,
    sentences,
)
from infrastructure.channels.twilio.signature_doctor.form_readings import account_of, is_cut
from infrastructure.channels.twilio.signature_doctor.form_variations import form_variations
from infrastructure.channels.twilio.signature_doctor.next_steps import next_steps, token_steps
from infrastructure.channels.twilio.signature_doctor.search import Match, Search
from infrastructure.channels.twilio.signature_doctor.secret_variations import (
    SIGNATURE_HEADER,
    signature_variations,
    token_variations,
)
from infrastructure.channels.twilio.signature_doctor.suspicions import suspicion_of
from infrastructure.channels.twilio.signature_doctor.url_causes import nearest, url_causes
from infrastructure.channels.twilio.signature_doctor.url_variations import Url, url_variations
from infrastructure.channels.twilio.signature_doctor.words import words_of
from infrastructure.channels.twilio.verification import (
    MAX_BODY_BYTES,
    MAX_FORM_FIELDS,
    shown_urls,
    verify,
)
from infrastructure.configuration.secrets.accounts import TwilioAccount

FORM = "application/x-www-form-urlencoded"
_ACCOUNT_IN_BODY = re.compile(rb"AccountSid|MessageSid")
_TRUST = (
    "Set TRUSTED_PROXIES to the network of the proxy: the forwarded headers that it sends are right"
)
_VARIED = (
    *("scheme", "host", "port", "path", "query", "encoding", "empty fields"),
    *("trimmed and added fields", "token", "signature header"),
)


class _Case(NamedTuple):
    """A capture, and what is known of it before any search."""

    capture: Capture
    channel: ChannelType | None
    account_sid: str | None
    checked: tuple[str, ...]
    header: str = "X-Twilio-Signature"


@dataclass(frozen=True)
class TwilioSignatureDoctor(SignatureDoctor):
    """Looks for the variation of a request that Twilio has signed."""

    tools: DoctorTools

    @override
    def recognises(self, capture: Capture) -> bool:
        names = {name for name, _ in capture.headers}
        return (
            SIGNATURE_HEADER in names
            or any("twilio-signature" in name.replace("_", "-") for name in names)
            or bool(_ACCOUNT_IN_BODY.search(capture.body))
            or (capture.header("user-agent") or "").startswith("TwilioProxy")
        )

    @override
    def diagnose(self, capture: Capture, channel: ChannelType | None) -> Diagnosis:
        checked = self._find_cure.checked(capture, channel)
        if len(capture.body) > MAX_BODY_BYTES or capture.body.count(b"&") >= MAX_FORM_FIELDS:
            case = _Case(capture, channel, None, checked)
            return self._explained(case, (Cause.BODY_TOO_LARGE,), None, 0)
        case = _Case(capture, channel, account_of(capture), checked)
        if self._is_accepted(case):
            if channel is None:
                return self._explained(case, (Cause.CHANNEL_PATH,), None, 1)
            return self._accepted(case)
        return self._refused(case)

    def _refused(self, case: _Case) -> Diagnosis:
        signatures = signature_variations(case.capture)
        case = case._replace(header=signatures.header)
        if not signatures.variations:
            missing = (*self._request_causes(case, ()), Cause.SIGNATURE_MISSING)
            return self._explained(case, missing, None, 0)
        tokens = token_variations(
            case.account_sid, self.tools.accounts.twilio, self.tools.given_secrets
        )
        if tokens.at(0) is None:
            return self._explained(case, (Cause.NO_SECRET,), None, 0)
        search = Search(signatures.variations, tokens, self.tools.may_go_on)
        start = self.tools.given_url or case.checked[0]
        match = search.find(
            url_variations(start, case.capture, self._known_urls(case)),
            form_variations(case.capture),
        )
        if match is None:
            return self._unexplained(case, search.tried)
        in_url = url_causes(match.url, nearest(match.url, case.checked))
        found = (*in_url, *match.causes)
        causes = tuple(dict.fromkeys((*found, *self._request_causes(case, found))))
        # The signature fits as it is: then nothing but the account is left that is refused.
        return self._explained(case, causes or (Cause.ACCOUNT_MISSING,), match, search.tried)

    @property
    def _find_cure(self) -> FindCure:
        settings = self.tools.settings
        urls = UrlSettings(
            settings.public_base_url, settings.webhook_urls, bool(settings.trusted_proxies)
        )
        return FindCure(self.tools.checked_urls, urls)

    def _is_accepted(self, case: _Case) -> bool:
        """Whether Frontdesk's own verification passes, with a given token if there is no other."""
        accounts = self.tools.accounts.twilio
        if not accounts and case.account_sid and self.tools.given_secrets:
            accounts = (TwilioAccount(case.account_sid, self.tools.given_secrets),)
        capture, (url, *others) = case.capture, case.checked
        request = WebhookRequest(
            capture.method,
            url,
            capture.headers,
            capture.body,
            capture.received_at or self.tools.clock(),
            tuple(others),
        )
        try:
            verify(request, accounts)
        except ValidationError:
            return False
        return capture.method == "POST"

    def _known_urls(self, case: _Case) -> list[str]:
        settings = self.tools.settings
        urls = (
            *case.checked,
            self.tools.given_url,
            settings.webhook_urls.get(case.channel) if case.channel else None,
            settings.public_base_url,
            *settings.webhook_urls.values(),
        )
        return list(dict.fromkeys(url for url in urls if url))

    def _request_causes(self, case: _Case, found: Sequence[Cause]) -> Iterator[Cause]:
        """What Frontdesk refuses whatever the signature is."""
        capture, body_causes = case.capture, {Cause.BODY_TO_JSON, Cause.BODY_TO_MULTIPART}
        if capture.method != "POST":
            yield Cause.METHOD
        elif not capture.body:
            yield Cause.BODY_MISSING
        elif not body_causes & {*found} and Cause.NOT_A_MESSAGE not in found:
            types = [value for name, value in capture.headers if name == "content-type"]
            if [one.partition(";")[0].strip().lower() for one in types] != [FORM]:
                yield Cause.CONTENT_TYPE
        if not capture.body or Cause.NOT_A_MESSAGE in found:
            return
        if case.account_sid is None:
            yield Cause.ACCOUNT_MISSING
        elif Cause.OTHER_ACCOUNT not in found and not self._knows(case):
            yield Cause.ACCOUNT_UNKNOWN

    def _knows(self, case: _Case) -> bool:
        """Whether a token is configured for the account, or only a given one is asked about."""
        accounts = self.tools.accounts.twilio
        is_configured = any(one.account_sid == case.account_sid for one in accounts)
        return is_configured or (not accounts and bool(self.tools.given_secrets))

    def _accepted(self, case: _Case) -> Diagnosis:
        origin = Url.parse(case.checked[0]).without_default_port.origin
        advice = (
            "If it was refused all the same, Frontdesk saw another URL or body than this capture "
            f"has: set PUBLIC_BASE_URL={origin}, or capture it behind the proxy"
        )
        is_set = self.tools.settings.public_base_url or self._find_cure.settings.whole_url(
            case.channel
        )
        return Diagnosis(
            case.capture.title,
            "Twilio",
            DiagnosisStatus.ACCEPTED,
            (),
            f"The signature is right, and account {case.account_sid} has made it.",
            () if is_set else (advice,),
            tried=1,
        )

    def _explained(
        self, case: _Case, causes: tuple[Cause, ...], match: Match | None, tried: int
    ) -> Diagnosis:
        variable = self._find_cure.variable(case.channel)
        words = words_of(case.capture, case.checked, match, variable)._replace(
            header=case.header, account=case.account_sid or ""
        )
        was_received = bool(case.capture.checked_urls)
        cure, lines = None, remedies(causes, words, was_received=was_received)
        if match and URL_CAUSES & {*causes}:
            cure = self._find_cure(case.capture, case.channel, match.url)
            restart = f", and {RESTART}" if was_received else ""
            # What is kept of a request that we received has no value of its query.
            value = cure and (shown_urls([cure.value]) if was_received else cure.value)
            first = f"Set {cure.name}={value}{restart}" if cure else ""
            second = self._other_way(case, match, changes_in_proxy(causes, words))
            lines = tuple(filter(None, (alternatives((first, second)), *lines)))
        return Diagnosis(
            case.capture.title,
            "Twilio",
            DiagnosisStatus.EXPLAINED,
            causes,
            sentences(causes, words),
            lines,
            cure,
            tried,
            _VARIED if tried else (),
            is_certain=match is not None,
        )

    def _other_way(self, case: _Case, match: Match, changes: str) -> str:
        """What cures the URL instead of the setting; empty if nothing should."""
        if self._find_cure.variable(case.channel) or case.capture.is_event:
            # No proxy is to blame for what a setting says, and none can be set in a gateway. What
            # http carries can be read on the way: nobody is told to leave https.
            is_safe = match.url.startswith("http:") or case.checked[0].startswith("https:")
            return f"At Twilio, enter {shown_urls(case.checked[:1])}" if is_safe else ""
        if self._find_cure.trusts_would_do(case.capture, case.channel, match.url):
            return _TRUST
        return f"In the proxy or the gateway: {changes}"

    def _unexplained(self, case: _Case, tried: int) -> Diagnosis:
        capture = case.capture
        if capture.checked_urls:
            return self._of_wrong_secret(case, tried)
        if is_cut(capture):
            causes: tuple[Cause, ...] = (Cause.BODY_CUT,)
        else:
            causes = tuple(self._request_causes(case, ()))
        if causes:
            # Nothing fits, and this alone would have it refused.
            found = self._explained(case, causes, None, tried)
            return replace(found, remedies=(*found.remedies, *self._next_steps(case)))
        text = f"None of {tried} variations of URL, body, token and header has this signature."
        return self._nothing_fits(case, text, self._next_steps(case), tried)

    def _of_wrong_secret(self, case: _Case, tried: int) -> Diagnosis:
        """Of a request as it was received: where it is whole, the secret is the suspect."""
        settings, tokens = self.tools.settings, self._tokens(case)
        token = "The token in TENANTS" if settings.tenants else "TWILIO_AUTH_TOKEN"
        variable = self._find_cure.variable(case.channel)
        checked = Url.parse(case.checked[0])
        suspicion = suspicion_of(checked, tried, variable, token)
        steps = suspicion.steps(token_steps(case.account_sid, tokens, settings))
        return self._nothing_fits(case, suspicion.sentence, steps, tried)

    @staticmethod
    def _nothing_fits(case: _Case, text: str, steps: tuple[str, ...], tried: int) -> Diagnosis:
        return Diagnosis(
            case.capture.title,
            "Twilio",
            DiagnosisStatus.UNEXPLAINED,
            (),
            text,
            steps,
            tried=tried,
            tried_kinds=_VARIED,
        )

    def _next_steps(self, case: _Case) -> tuple[str, ...]:
        has_url = bool(self.tools.given_url)
        settings, tokens = self.tools.settings, self._tokens(case)
        return tuple(next_steps(case.capture, case.account_sid, tokens, settings, has_url=has_url))

    def _tokens(self, case: _Case) -> list[str]:
        secrets = [
            secret
            for account in self.tools.accounts.twilio
            if account.account_sid == case.account_sid
            for secret in account.auth_tokens
        ]
        return [secret.get_secret_value() for secret in (*secrets, *self.tools.given_secrets)]
