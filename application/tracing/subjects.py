"""What an operator types or pastes, and the id or the address that it stands for."""

import re
import unicodedata

_AROUND = " ,;.:!?'\"`()[]{}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_TELEPHONE = re.compile(r"(?:whatsapp:)? *(?:\+|00)?[0-9 ().\-/\u2010-\u2015]+", re.IGNORECASE)
_PROVIDER_ID = re.compile(r"(SM|MM)([0-9a-f]{32})", re.IGNORECASE)
_DIGITS = range(7, 16)
"""How many a telephone number has with its country code: 15 at most by E.164."""

WHAT_CAN_BE_TRACED = (
    "Trace a provider's message id, a request id, the id of a conversation or of a dead letter, or "
    "a customer's address. A telephone number begins with + and its country code, as +14155550123."
)


def cleaned(text: str) -> str:
    """``text`` without blanks around it, and without marks that a copy has and nobody sees."""
    seen = (c for c in text if unicodedata.category(c) != "Cf")
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in seen).strip()


def forms_of(text: str) -> tuple[str, ...]:
    """``text`` itself, then the form that it probably stands for, if that is another one."""
    bare = text.strip(_AROUND)
    if found := _PROVIDER_ID.fullmatch(bare):
        bare = found[1].upper() + found[2].lower()
    elif _TELEPHONE.fullmatch(bare):
        digits = re.sub("[^0-9]", "", bare).removeprefix("00")
        bare = f"+{digits}" if len(digits) in _DIGITS else bare
    return tuple(dict.fromkeys((text, bare or text)))


def lacks_country_code(text: str) -> bool:
    """Whether ``text`` is a telephone number as people dial it at home, as ``(415) 555-0123``."""
    bare = text.strip(_AROUND)
    digits = sum(character.isdigit() for character in bare)
    is_telephone = _TELEPHONE.fullmatch(bare) is not None and digits in _DIGITS
    return is_telephone and not bare.startswith(("+", "00", "whatsapp:"))


def may_be_traced(text: str) -> bool:
    """Whether ``text`` may be an id, which has digits, or an address. ``hello`` is neither."""
    has_digit = any(character.isdigit() for character in text)
    return "@" in text or (has_digit and " " not in text)
