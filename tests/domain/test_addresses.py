"""Addresses: parsing, normal forms, and the values by which a sender is looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.addresses import Address, normal_recipient, normal_value
from domain.channels import AddressKind, ChannelType
from domain.errors import InvalidAddressError

SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL


@pytest.mark.parametrize(
    ("channel", "text", "kind", "value"),
    [
        (SMS, "+14155550123", AddressKind.E164, "+14155550123"),
        (SMS, " +14155550123 ", AddressKind.E164, "+14155550123"),
        (SMS, "24273", AddressKind.SHORT_CODE, "24273"),
        (SMS, "ACME Bank", AddressKind.ALPHANUMERIC, "ACME Bank"),
        (SMS, "rcs:+14155550123", AddressKind.OTHER, "rcs:+14155550123"),
        (SMS, "whatsapp:+14155550123", AddressKind.OTHER, "whatsapp:+14155550123"),
        (SMS, "+0123", AddressKind.OTHER, "+0123"),
        (SMS, "4915112345678", AddressKind.OTHER, "4915112345678"),
        (SMS, "Größe & Co.", AddressKind.OTHER, "Größe & Co."),
        (SMS, "messenger:1234567890123456", AddressKind.OTHER, "messenger:1234567890123456"),
        (SMS, "rcs:acme_agent", AddressKind.OTHER, "rcs:acme_agent"),
        (SMS, "MG" + "0" * 32, AddressKind.OTHER, "MG" + "0" * 32),
        (WHATSAPP, "whatsapp:+14155550123", AddressKind.E164, "+14155550123"),
        (WHATSAPP, "WhatsApp:+14155550123", AddressKind.E164, "+14155550123"),
        (WHATSAPP, "+14155550123", AddressKind.E164, "+14155550123"),
        (
            WHATSAPP,
            "whatsapp:US.1234567890123456",
            AddressKind.WHATSAPP_USER_ID,
            "US.1234567890123456",
        ),
        (WHATSAPP, "messenger:1234", AddressKind.OTHER, "messenger:1234"),
        (WHATSAPP, "whatsapp:US.ENT.123456", AddressKind.WHATSAPP_USER_ID, "US.ENT.123456"),
        (EMAIL, "Ana.Lima@Example.COM", AddressKind.EMAIL, "ana.lima@example.com"),
        (EMAIL, "ana+orders@example.com", AddressKind.EMAIL, "ana+orders@example.com"),
        (EMAIL, "ana@bücher.example", AddressKind.EMAIL, "ana@xn--bcher-kva.example"),
        (EMAIL, "ana@XN--BCHER-KVA.example.", AddressKind.EMAIL, "ana@xn--bcher-kva.example"),
    ],
)
def test_parsed_address_has_a_kind_and_a_normal_form(
    channel: ChannelType, text: str, kind: AddressKind, value: str
) -> None:
    assert Address.parse(channel, text) == Address(channel, kind, value)


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        (SMS, ""),
        (SMS, "   "),
        (SMS, "+1415\x005550123"),
        (SMS, "9" * 321),
        (SMS, "+14155550123FromCityX"),
        (SMS, "ACME Bank Ltd"),
        (SMS, "rcs:acme agent"),
        (SMS, "RCS:+14155550123"),
        (SMS, "MG" + "0" * 33),
        (WHATSAPP, "whatsapp:"),
        (WHATSAPP, "whatsapp:whatsapp:+14155550123"),
        (WHATSAPP, "whatsapp:+14155550123LabelHome"),
        (WHATSAPP, "whatsapp:Ana Lima"),
        (EMAIL, "ana"),
        (EMAIL, "@example.com"),
        (EMAIL, "ana@"),
        (EMAIL, "ana@home@example.com"),
        (EMAIL, "Ana <ana@example.com>"),
        (EMAIL, "ana@exa mple.com"),
        (EMAIL, "ana@-example.com"),
        (EMAIL, "ana@exa..mple.com"),
        (EMAIL, "ana@[192.0.2]"),
        (EMAIL, '"ana\r\n"@example.com'),
        (EMAIL, '"ana"x@example.com'),
        (EMAIL, '""@example.com'),
        (EMAIL, "a@b@" + "x" * 64 + ".example"),
        (EMAIL, "ana@example.com\r\nBcc: eve@example.com"),
    ],
)
def test_text_that_cannot_be_an_address_is_refused(channel: ChannelType, text: str) -> None:
    with pytest.raises(InvalidAddressError):
        Address.parse(channel, text)


@pytest.mark.parametrize("channel", ChannelType)
def test_text_with_thousands_of_marks_is_refused_at_once(channel: ChannelType) -> None:
    """The attack: an author whose marks take a minute to put in order."""
    with pytest.raises(InvalidAddressError):
        Address.parse(channel, "\u0301" * 100_000 + "\u0323" * 100_000 + "@example.com")


@pytest.mark.parametrize(
    ("number", "variant"),
    [
        ("+5511987654321", "+551187654321"),
        ("+551187654321", "+5511987654321"),
        ("+5215512345678", "+525512345678"),
        ("+525512345678", "+5215512345678"),
        ("+5491112345678", "+541112345678"),
        ("+541112345678", "+5491112345678"),
    ],
)
def test_whatsapp_numbers_of_three_countries_are_looked_up_in_both_spellings(
    number: str, variant: str
) -> None:
    assert Address.parse(WHATSAPP, number).look_up_values == (number, variant)


@pytest.mark.parametrize("number", ["+551133334444", "+14155550123", "+5255"])
def test_other_whatsapp_numbers_have_one_look_up_value(number: str) -> None:
    assert Address.parse(WHATSAPP, number).look_up_values == (Address.parse(SMS, number).value,)


def test_sms_numbers_have_no_second_spelling() -> None:
    assert Address.parse(SMS, "+5511987654321").look_up_values == ("+5511987654321",)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ana+orders@example.com", "ana@example.com"),
        ("Ana+a+b@Example.com", "ana@example.com"),
        ("+tag@example.com", "+tag@example.com"),
        ("ana@example.com", "ana@example.com"),
    ],
)
def test_plus_tags_of_one_mailbox_share_a_counting_key(text: str, key: str) -> None:
    assert Address.parse(EMAIL, text).counting_key == key


def test_email_address_has_local_part_and_domain_and_a_phone_number_has_neither() -> None:
    mail = Address.parse(EMAIL, "ana+x@example.com")
    phone = Address.parse(SMS, "+14155550123")

    assert (mail.local_part, mail.domain) == ("ana+x", "example.com")
    assert (phone.local_part, phone.domain) == ("", "")
    assert phone.counting_key == "+14155550123"


@given(channel=st.sampled_from(ChannelType), text=st.text(max_size=400))
def test_parsing_any_text_is_refused_or_gives_a_stable_normal_form(
    channel: ChannelType, text: str
) -> None:
    try:
        address = Address.parse(channel, text)
    except InvalidAddressError:
        return
    assert Address.parse(channel, address.value) == address
    assert address.value in address.look_up_values
    assert address.counting_key


@given(number=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_every_look_up_value_of_a_number_leads_back_to_the_number(number: str) -> None:
    for variant in Address.parse(WHATSAPP, number).look_up_values:
        assert number in Address.parse(WHATSAPP, variant).look_up_values


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("+15005550006", "+15005550006"),
        ("whatsapp:+15005550006", "+15005550006"),
        ("24273", "24273"),
        ("MG" + "0" * 32, "MG" + "0" * 32),
        ("rcs:acme_agent", "rcs:acme_agent"),
        ("messenger:1234567", "messenger:1234567"),
        ("Help@Bücher.example", "help@xn--bcher-kva.example"),
        ("Acme.Example", "acme.example"),
    ],
)
def test_normal_recipient_brings_each_recipient_into_one_form(text: str, normal: str) -> None:
    assert normal_recipient(text) == normal


@pytest.mark.parametrize(
    ("channel", "text", "value"),
    [
        (SMS, "ACME Bank Ltd", "ACME Bank Ltd"),
        (SMS, " ana@mail.example ", "ana@mail.example"),
        (WHATSAPP, "whatsapp:@ana.lopes", "@ana.lopes"),
    ],
)
def test_address_of_an_unknown_form_is_kept_as_it_came(
    channel: ChannelType, text: str, value: str
) -> None:
    address = Address.uninterpreted(channel, text)
    assert (address.kind, address.value) == (AddressKind.OTHER, value)
    assert not address.is_of_known_form
    assert normal_value(channel, value) == value


@pytest.mark.parametrize("text", ["", "  ", "whatsapp:", "a\x00b", "9" * 321])
def test_what_can_be_no_address_at_all_is_not_kept(text: str) -> None:
    with pytest.raises(InvalidAddressError):
        Address.uninterpreted(WHATSAPP, text)


@pytest.mark.parametrize("text", ["+14155550123", "24273", "ACME", "rcs:acme_agent"])
def test_parsed_address_is_of_a_known_form(text: str) -> None:
    assert Address.parse(SMS, text).is_of_known_form
