"""A captured signature cannot be used to forge another message."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ports.webhook_parser import VerifiedWebhook
from domain.errors import UnreadableMessageError, ValidationError
from domain.messages import InboundMessage
from tests.infrastructure.channels.twilio.webhooks import (
    ACCOUNT_SID,
    PAYLOADS,
    a_parser,
    a_webhook,
    parsed,
    sign,
)

Pairs = list[tuple[str, str]]
NO_GEOGRAPHY = dict.fromkeys(("FromCity", "FromCountry", "FromState", "FromZip", "ToCity"), "")


def in_order_of_names(body: str, **changes: str) -> Pairs:
    """The fields of a form in the order in which they are signed."""
    return sorted((dict(parse_qsl(body, keep_blank_values=True)) | changes).items())


CAPTURED: dict[str, Pairs] = {
    f"{path.stem}{suffix}": in_order_of_names(path.read_text(), **changes)
    for path in sorted(PAYLOADS.glob("*.form"))
    if not path.stem.startswith(("unreadable", "status_callback", "event", "sms_repeated_fields"))
    for suffix, changes in (("", {}), (" without geography", NO_GEOGRAPHY))
    if not changes or "FromCity" in path.read_text()
}


@lru_cache(10_000)
def _quoted(pair: tuple[str, str]) -> str:
    """Regrouped forms have nearly all pairs in common: to quote them took half the time."""
    return "=".join(map(quote_plus, pair))


def posted(pairs: Pairs) -> bytes:
    return "&".join(map(_quoted, pairs)).encode()


def origin_of(message: InboundMessage) -> tuple[object, ...]:
    return (
        *(message.account, message.provider_message_id, message.sender_verbatim),
        *(message.recipient.verbatim, message.recipient.keys, message.identities),
    )


def is_marked(message: InboundMessage) -> bool:
    return message.metadata.get("regrouping_suspected") is True


PARSER = a_parser()


def signed_alike(pairs: Pairs, signature: str) -> VerifiedWebhook | None:
    """What is verified, if ``signature`` fits ``pairs`` too."""
    names = [name for name, _ in pairs]
    if names != sorted(set(names)):
        return None  # it would be signed in another order
    try:
        return PARSER.validate(a_webhook(posted(pairs), signature=signature))
    except ValidationError:
        return None


def cut(text: str, positions: list[int]) -> Pairs:
    """``text`` as names and values, which alternate from one position to the next."""
    pieces = [text[start:end] for start, end in pairwise([0, *positions, len(text)])]
    return list(zip(pieces[::2], pieces[1::2], strict=True))


def cuts_of(pairs: Pairs) -> tuple[str, list[int]]:
    pieces = [piece for pair in pairs for piece in pair]
    return "".join(pieces), list(accumulate(map(len, pieces)))[:-1]


def regroupings(pairs: Pairs) -> Iterator[Pairs]:
    """Every form with some neighbouring fields joined, or with one boundary moved."""
    text, cuts = cuts_of(pairs)
    for start in range(len(pairs)):
        for end in range(start + 1, len(pairs)):
            yield cut(text, cuts[: 2 * start + 1] + cuts[2 * end + 1 :])
    limits = zip([0, *cuts[:-1]], [*cuts[1:], len(text)], strict=True)
    for index, (lowest, highest) in enumerate(limits):
        for position in range(lowest, highest + 1):
            yield cut(text, [*cuts[:index], position, *cuts[index + 1 :]])


@pytest.mark.parametrize("name", CAPTURED)
def test_simple_regrouping_of_signed_fields_makes_no_other_message_without_a_mark(
    name: str,
) -> None:
    captured = CAPTURED[name]
    signature, original = sign(posted(captured)), origin_of(parsed(posted(captured)))
    forged = [
        webhook
        for pairs in regroupings(captured)
        if pairs != captured and (webhook := signed_alike(pairs, signature))
    ]
    assert len(forged) > len(captured)
    for webhook in forged:
        assert_marked_or_from(original, webhook)


def assert_marked_or_from(original: tuple[object, ...], forged: VerifiedWebhook) -> None:
    try:
        (result,) = PARSER.parse(forged)
    except UnreadableMessageError:
        return
    assert result.files == ()
    assert is_marked(result.message) or origin_of(result.message) == original


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_regrouping_of_signed_fields_makes_no_other_message_without_a_mark(
    data: st.DataObject,
) -> None:
    captured = CAPTURED[data.draw(st.sampled_from(sorted(CAPTURED)))]
    text, cuts = cuts_of(captured)
    for _ in range(data.draw(st.integers(0, 3))):
        start, count = data.draw(st.integers(0, len(cuts) - 2)), data.draw(st.integers(1, 3))
        del cuts[start : start + 2 * count]
        if len(cuts) < 4:
            return
    for _ in range(data.draw(st.integers(0, 2))):
        index, shift = data.draw(st.integers(0, len(cuts) - 1)), data.draw(st.integers(-12, 12))
        cuts[index] = min(max(cuts[index] + shift, 0), len(text))
    if len(cuts) % 2 == 0:
        return
    pairs = cut(text, sorted(cuts))
    if webhook := signed_alike(pairs, sign(posted(captured))):
        assert_marked_or_from(origin_of(parsed(posted(captured))), webhook)


FROM, VICTIM, SID = "+14155550123", "+14155550177", "SM" + "f" * 32
# The fields that an attacker writes, the fields of the forged form, and the fields it lacks.
CRAFTED = {
    "a sender in the text, before the geography": (
        {"Body": f"hiFrom{VICTIM}FromA"},
        {"Body": "hi", "From": VICTIM, "FromA": f"From{FROM}"},
        (),
    ),
    "a sender in the text, the real one cut in its name": (
        {"Body": f"hiFrom{VICTIM}FromA"},
        {"Body": "hi", "From": VICTIM, "FromAFrom": FROM},
        (),
    ),
    "a sender in the text, before a place": (
        {"Body": f"hiFrom{VICTIM}Labelx", "Label": "home"},
        {"Body": "hi", "From": VICTIM, "Label": f"xFrom{FROM}Labelhome"},
        ("FromCity", "FromCountry", "FromState", "FromZip"),
    ),
    "a message id in the profile's name": (
        {"ProfileName": f"AnaMessageSid{SID}ProfileNameX"},
        {
            "FromZip": "94103MessageSidSM00000000000000000000000000000001NumMedia0"
            "NumSegments1ProfileNameAna",
            "MessageSid": SID,
            "ProfileName": "X",
        },
        ("NumMedia", "NumSegments"),
    ),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_text_written_to_be_regrouped_is_marked(name: str) -> None:
    written, forged, gone = CRAFTED[name]
    sms = (PAYLOADS / "sms.form").read_text()
    sid = {"MessageSid": "SM00000000000000000000000000000001", "From": FROM}
    original = dict(in_order_of_names(sms, **sid, **written))
    if "Label" in written:
        for geography in gone:
            del original[geography]
    regrouped = {key: text for key, text in original.items() if key not in gone} | forged
    pairs = sorted(regrouped.items())

    assert signed_alike(pairs, sign(posted(sorted(original.items()))))
    assert is_marked(parsed(posted(pairs)))


NEW_PARAMETERS: list[dict[str, str]] = [
    {"ParentMessageSid": SID},
    {"OriginalTo": "+15005550006"},
    {"ForwardedFrom": FROM},
    {"FromCarrier": "Acme"},
    {"ToAddress": "To Ana"},
    {"riskScore": "5"},
    {"accessToken": "x"},
    {"timezone": "America/Toronto"},
    {"": "x"},
    {"X-New Field": "x"},
    {"Tags[0]": "a"},
    {"2nd": "x"},
    {"Gr\u00f6\u00dfe": "1"},
]
TEXTS: list[dict[str, str]] = [
    {"Body": "Write From or To 15005550006, says MessageSid"},
    {"Body": "ProfileName and ButtonText, please"},
    {"From": "WhiteLabel"},
    {"From": "StateFarm"},
    {"From": "BodyShop"},
    {"ProfileName": "BodyShop"},
    {"MessagingServiceSid": ""},
    {"ChannelMetadata": '{"context":{"ExternalUserId":"","OptOutType":"STOP"}}'},
]


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        *(("sms", fields) for fields in (*TEXTS, *NEW_PARAMETERS)),
        *(("sms_new_parameters", fields) for fields in NEW_PARAMETERS),
    ],
)
def test_text_with_names_of_fields_and_new_parameters_have_no_mark(
    form: str, fields: dict[str, str]
) -> None:
    body = (PAYLOADS / f"{form}.form").read_text()
    message = parsed(posted(in_order_of_names(body, **fields)))
    assert not is_marked(message)
    assert message.account == ACCOUNT_SID
    assert message.body == fields.get("Body", message.body)
    assert message.sender_verbatim == fields.get("From", message.sender_verbatim)


def test_text_in_the_parameter_before_it_is_marked() -> None:
    fields = dict(in_order_of_names((PAYLOADS / "sms_without_body.form").read_text()))
    assert not is_marked(parsed(posted(list(fields.items()))))
    hidden = {**fields, "ApiVersion": "2010-04-01Bodyhello"}
    assert is_marked(parsed(posted(list(hidden.items()))))


@pytest.mark.parametrize(
    ("field", "between", "name"),
    [
        ("From", {}, "G"),
        ("From", {"FromZip": "1"}, "G"),
        ("From", {"FromCity": "x", "FromCountry": "x", "FromState": "x", "FromZip": "1"}, "G"),
        ("From", {"Label": "1"}, "Lz"),
        ("ExternalUserId", {"Forwarded": "true"}, "Fp"),
    ],
)
def test_sender_who_is_replaced_by_one_of_the_text_is_marked(
    field: str, between: dict[str, str], name: str
) -> None:
    body = (PAYLOADS / "whatsapp_user_id_beside_number.form").read_text()
    victim = "whatsapp:+14155550199" if field == "From" else "whatsapp:US.99"
    names = ("ChannelMetadata", "Forwarded", "FrequentlyForwarded")
    fields = {n: text for n, text in parse_qsl(body) if n not in names}
    if field == "From":
        fields.pop("ExternalUserId")
    real = fields.pop(field)
    text = "".join(map("".join, [(field, victim), *between.items()])) + name
    captured = sorted({**fields, field: real, "Body": f"hi{text}"}.items())
    forged = sorted({**fields, "Body": "hi", field: victim, **between, name + field: real}.items())

    assert signed_alike(forged, sign(posted(captured)))
    assert is_marked(parsed(posted(forged)))
