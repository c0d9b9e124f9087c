"""Which fields of a form its reader found fault with, as the error names them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_FAULT = re.compile(
    r"\b(\w+) is (missing|repeated|ill-formed|not an address|not the account that signed)\b"
)
_TWICE = re.compile(r"\bthe form has the field (\w+) twice\b")
_OF_MAIL = {
    "the mail names no author": ("from", "names no author"),
    "the author's address is not one": ("from", "not an address"),
    "the mail names no recipient": ("to", "names no recipient"),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with fields, by their names: those that the form has, and those it lacks."""

    present: Mapping[str, str]
    absent: Mapping[str, str]


def faults_in(reason: str, names: Collection[str]) -> Faults:
    """The faults that ``reason`` names, in a form whose fields have these ``names``."""
    found = dict(_FAULT.findall(reason)) | dict.fromkeys(_TWICE.findall(reason), "repeated")
    if fault := _OF_MAIL.get(reason):
        found = dict([fault])
    return Faults(
        {name: fault for name, fault in found.items() if name in names},
        {name: fault for name, fault in found.items() if name not in names},
    )
