"""What each cause means and what to do about it, for Twilio's webhooks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from application.ports.signature_doctor import Cause
from infrastructure.channels.remedies import alternatives
from infrastructure.channels.twilio.signature_doctor.words import Words


class Explanation(NamedTuple):
    """A sentence for a cause, and remedies beside the setting that cures the URL.

    Each is a format string with the names of ``Words``.
    """

    sentence: str
    remedies: tuple[str, ...] = ()


_RAW_BODY: Final = (
    "Pass the body on byte for byte: let no middleware, template or function parse and write it "
    "again before Frontdesk",
    "If only the capture shows it so, capture the raw body",
)
_NGINX_PATH: Final = "nginx 'proxy_pass http://127.0.0.1:8000;' with nothing behind the port"

URL_CAUSES: Final = frozenset(
    {
        *(Cause.SCHEME, Cause.HOST, Cause.PORT, Cause.PATH, Cause.TRAILING_SLASH),
        *(Cause.PATH_PREFIX_REMOVED, Cause.PATH_PREFIX_ADDED, Cause.QUERY, Cause.QUERY_ADDED),
        *(Cause.QUERY_DROPPED, Cause.QUERY_ORDER, Cause.QUERY_SPELLING),
    }
)

EXPLANATIONS: Final[Mapping[Cause, Explanation]] = {
    Cause.SCHEME: Explanation(
        "Twilio signed {signed_scheme}, and Frontdesk checks {checked_scheme}{source}.",
        (
            "nginx 'proxy_set_header X-Forwarded-Proto $scheme;' with its network in "
            "TRUSTED_PROXIES",
        ),
    ),
    Cause.HOST: Explanation(
        "Twilio signed the host {signed_host}, and Frontdesk checks {checked_host}{source}.",
        ("nginx 'proxy_set_header Host $http_host;' (ngrok: no --host-header)",),
    ),
    Cause.PORT: Explanation(
        "Twilio signed the port {signed_port}, and Frontdesk checks {checked_port}{source}.",
        ("nginx 'proxy_set_header Host $http_host;' ($host has no port)",),
    ),
    Cause.PATH_PREFIX_REMOVED: Explanation(
        "Twilio signed {added} before the path that Frontdesk sees: a proxy, a stage or a base "
        "path mapping removes it.",
        (_NGINX_PATH,),
    ),
    Cause.PATH_PREFIX_ADDED: Explanation(
        "The path that Frontdesk sees begins with {removed}, which Twilio did not sign: a gateway "
        "or a proxy adds it.",
        (f"{_NGINX_PATH} (CloudFront: an empty origin path)",),
    ),
    Cause.TRAILING_SLASH: Explanation(
        "Twilio signed {signed_path}, and Frontdesk checks {checked_path}: they differ in the "
        "slash at the end.",
        ("no rule that adds or removes a slash",),
    ),
    Cause.PATH: Explanation(
        "Twilio signed the path {signed_path}, and Frontdesk checks {checked_path}: a proxy "
        "rewrites it.",
        (_NGINX_PATH,),
    ),
    Cause.QUERY_DROPPED: Explanation(
        "Twilio signed a query, or parameters of it, that Frontdesk does not see: a proxy or a "
        "gateway drops them.",
        ("nginx $is_args$args behind a path with variables",),
    ),
    Cause.QUERY_ADDED: Explanation(
        "Frontdesk sees a query, or parameters of it, that Twilio did not sign: something on the "
        "way adds them.",
        ("no rule that adds parameters",),
    ),
    Cause.QUERY_ORDER: Explanation(
        "The parameters of the query arrive in another order than Twilio signed.",
        ("no rule that sorts parameters (at Twilio, write them as they arrive)",),
    ),
    Cause.QUERY_SPELLING: Explanation(
        "The query is written otherwise than Twilio signed it: something on the way has decoded "
        "it and encoded it again.",
        ("no rule that decodes the query (at Twilio, use only A to Z, digits, '-', '_' and '.')",),
    ),
    Cause.QUERY: Explanation(
        "Twilio signed another query than Frontdesk sees.",
        ("the query unchanged",),
    ),
    Cause.METHOD: Explanation(
        "This is a {method}, or was one when it was signed; Frontdesk takes webhooks by POST with "
        "a form.",
        ("At Twilio: choose HTTP POST for this webhook, and enter the URL that does not redirect",),
    ),
    Cause.CONTENT_TYPE: Explanation(
        "The Content-Type is {content_type}, and Twilio sends application/x-www-form-urlencoded, "
        "once: something on the way changes it.",
        ("Pass the header Content-Type on",),
    ),
    Cause.CHANNEL_PATH: Explanation(
        "The signature is right, but the path {checked_path} names no channel: Frontdesk answers "
        "404.",
        ("At Twilio: end the URL with /webhooks/sms or /webhooks/whatsapp",),
    ),
    Cause.NOT_A_MESSAGE: Explanation(
        "The signature covers the URL alone: this is one of Twilio's webhooks with JSON, and no "
        "message.",
        (
            "At Twilio: give Frontdesk's URL to 'A message comes in', and another one to event "
            "streams and other products",
        ),
    ),
    Cause.BODY_MISSING: Explanation(
        "There is no body, so the form that Twilio signed is not there.",
        (
            "Enter the URL at Twilio that does not redirect: a redirect turns POST into GET and "
            "drops the body",
            "If only the capture lacks the body, capture again with it",
        ),
    ),
    Cause.BODY_TOO_LARGE: Explanation(
        "The body is over 1 MiB, or has 500 fields or more: Twilio sends no such form, and "
        "Frontdesk answers 413.",
        ("Find out who sent it",),
    ),
    Cause.BODY_CUT: Explanation(
        "The body is shorter than its Content-Length: it was cut, on the way or by the capture.",
        ("Capture again with the whole body",),
    ),
    Cause.BODY_BASE64: Explanation(
        "The body is base64 of the form that Twilio signed: a gateway has encoded it.",
        (
            "API Gateway: pass the whole event to Frontdesk's function (proxy integration), with "
            "isBase64Encoded; a mapping template must decode it",
        ),
    ),
    Cause.BODY_TO_JSON: Explanation(
        "The form was turned into JSON on the way; its fields are those that Twilio signed.",
        (
            "API Gateway: use a proxy integration instead of a mapping template; elsewhere pass "
            "the body on byte for byte",
        ),
    ),
    Cause.BODY_TO_MULTIPART: Explanation(
        "The form was turned into multipart/form-data on the way; its fields are those that "
        "Twilio signed.",
        _RAW_BODY,
    ),
    Cause.BODY_ENCODING: Explanation(
        "The form is not written as Twilio writes it: it was decoded and encoded again on the "
        "way, or wrapped when it was captured.",
        _RAW_BODY,
    ),
    Cause.PLUS_SIGNS: Explanation(
        "A plus sign was lost: the form was decoded and written again without escaping it (%2B).",
        _RAW_BODY,
    ),
    Cause.DOUBLE_ENCODING: Explanation(
        "The form is percent-encoded twice: something on the way has encoded it again.", _RAW_BODY
    ),
    Cause.CHARSET: Explanation(
        "The text of the form is in another character set or Unicode form than the one signed: "
        "something on the way has decoded it, not as UTF-8.",
        _RAW_BODY,
    ),
    Cause.LINE_BREAKS: Explanation(
        "Line breaks in the form are others than those signed (CR LF and LF).", _RAW_BODY
    ),
    Cause.TRIMMED_VALUES: Explanation(
        "Blanks at the beginning or end of a value were cut off.",
        ("Laravel: take the route out of TrimStrings; elsewhere pass the body on byte for byte",),
    ),
    Cause.ESCAPED_VALUES: Explanation(
        "The values were escaped, as for HTML: a filter against injections has changed them.",
        ("Take the webhook's path out of that filter (firewall rule, input filter)",),
    ),
    Cause.EMPTY_FIELDS_DROPPED: Explanation(
        "Fields without a value were dropped, and Twilio signed them.",
        (
            "Pass the body on byte for byte, with fields like 'ToCity='; Python: "
            "parse_qsl(…, keep_blank_values=True); Laravel: without ConvertEmptyStringsToNull",
        ),
    ),
    Cause.EMPTY_FIELDS_ADDED: Explanation(
        "There are fields without a value that Twilio did not sign.", _RAW_BODY
    ),
    Cause.FIELDS_ADDED: Explanation(
        "The form has fields, or values of fields, that Twilio did not sign{fields}: something on "
        "the way adds them, often from the query.",
        _RAW_BODY,
    ),
    Cause.FIELD_NAMES: Explanation(
        "The names of fields are written otherwise than Twilio writes and signs them.", _RAW_BODY
    ),
    Cause.SIGNED_OTHERWISE: Explanation(
        "The signature was made of the fields as they are encoded, with %2B for a plus sign: a "
        "test tool does so, and Twilio does not.",
        ("In the test tool, sign the decoded values; 'frontdesk send' signs as Twilio does",),
    ),
    Cause.SIGNATURE_MISSING: Explanation(
        "There is no header X-Twilio-Signature: something on the way removes it, or the request "
        "is not from Twilio.",
        (
            "Let the header through: CloudFront: an origin request policy with all viewer headers; "
            "API Gateway: a mapping of the header; nginx: 'proxy_pass_request_headers on;'",
        ),
    ),
    Cause.SIGNATURE_RENAMED: Explanation(
        "The signature is in the header {header} instead of X-Twilio-Signature.",
        ("Pass the header on under its own name",),
    ),
    Cause.SIGNATURE_REPEATED: Explanation(
        "The header X-Twilio-Signature is there more than once, and one of them is right.",
        ("Let only one program set it: a proxy, or a test tool, has added one",),
    ),
    Cause.SIGNATURE_ALTERED: Explanation(
        "The header X-Twilio-Signature was changed: quoted, escaped, joined, or its '=' is gone.",
        ("Pass the header on unchanged",),
    ),
    Cause.NO_SECRET: Explanation(
        "No auth token is configured: nothing of Twilio is accepted.",
        (
            "Set TWILIO_ACCOUNT_SID={account} and {token_variable}, or name a token to try with "
            "--secret",
        ),
    ),
    Cause.OTHER_SECRET: Explanation(
        "The token that you gave has signed it, and it is not the configured one.",
        (
            "Add that token to {token_variable}, separated by a comma from the present one: every "
            "token of the list is accepted, and the first one sends",
        ),
    ),
    Cause.SECRET_SPELLING: Explanation(
        "The token is right, but something stands around it: quotes, blanks, or its name.",
        (
            "Write the bare token of 32 characters into {token_variable}; an env file of Docker "
            "keeps quotes",
        ),
    ),
    Cause.OTHER_ACCOUNT: Explanation(
        "The form names account {account}, and the token of account {signer} has signed it.",
        (
            "Look in Twilio's console whose token it is. If it is {account}'s, configure it for "
            "{account}: TWILIO_ACCOUNT_SID, or the tenants file. If not, trust it for no other "
            "account: who has {signer}'s token has written this in the name of {account}",
        ),
    ),
    Cause.ACCOUNT_UNKNOWN: Explanation(
        "The form names account {account}, which is not configured: perhaps a subaccount, which "
        "signs with its own token.",
        (
            "Configure {account} with its own auth token: TWILIO_ACCOUNT_SID and {token_variable}, "
            "or a list of accounts in the tenants file",
        ),
    ),
    Cause.ACCOUNT_MISSING: Explanation(
        "The form has no AccountSid, or more than one: so Frontdesk knows no token to check it "
        "with.",
        _RAW_BODY,
    ),
}
"""Every cause that the doctor of this provider names."""


def sentences(causes: Sequence[Cause], words: Words) -> str:
    """What the causes mean: a sentence for each, and one for all that concern the URL."""
    names = words._asdict()
    in_url = [cause for cause in causes if cause in URL_CAUSES]
    lines = [EXPLANATIONS[cause].sentence for cause in causes if cause not in URL_CAUSES]
    if len(in_url) == 1:
        lines.insert(0, EXPLANATIONS[in_url[0]].sentence)
    elif in_url:
        lines.insert(0, "Twilio signed {signed_url}, and Frontdesk checks {checked_url}{source}.")
    return " ".join(line.format(**names) for line in lines)


def remedies(causes: Iterable[Cause], words: Words, *, was_received: bool) -> tuple[str, ...]:
    """What to do about the causes beside the URL: each is needed, and stands there once."""
    names = words._asdict()
    ways = (EXPLANATIONS[one].remedies for one in causes if one not in URL_CAUSES)
    lines = (alternatives(some, was_received=was_received) for some in ways)
    return tuple(dict.fromkeys(line.format(**names) for line in lines if line))


def changes_in_proxy(causes: Iterable[Cause], words: Words) -> str:
    """What to change in front of Frontdesk, instead of a setting: all of it."""
    names = words._asdict()
    lines = (line for one in causes if one in URL_CAUSES for line in EXPLANATIONS[one].remedies)
    return ", ".join(dict.fromkeys(line.format(**names) for line in lines))
