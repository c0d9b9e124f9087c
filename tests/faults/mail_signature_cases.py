"""SendGrid webhooks with valid and invalid signatures, with and without Basic auth."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import product
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from tests.builders import NOW
from tests.faults.in_process import HttpRequest
from tests.faults.twilio_reference import Expected
from tests.faults.vendor_schemes import der_numbers, der_of, mirrored, signed_by_sendgrid

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
KEY = ec.derive_private_key(20260401, ec.SECP256R1())
OLD_KEY = ec.derive_private_key(20260402, ec.SECP256R1())
STRANGE_KEY = ec.derive_private_key(20260403, ec.SECP256R1())
PAIR = "frontdesk:s3cret:with-colon"
OLD_PAIR = "frontdesk:pässwörd"
ISSUED = int(NOW.timestamp())
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def shown(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key, as SendGrid shows it."""
    return base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()


@dataclass(frozen=True)
class MailSetup:
    """The keys, passwords and tolerance that a front desk is configured with."""

    keys: tuple[str, ...] = (shown(KEY), shown(OLD_KEY))
    pairs: tuple[str, ...] = ()
    tolerance: timedelta = timedelta(hours=96)


@dataclass(frozen=True)
class MailCase:
    """One mail webhook to one setup."""

    name: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    setup: MailSetup = field(default_factory=MailSetup)
    content_types: tuple[str, ...] = ("multipart/form-data; boundary=b0undary",)
    special: Expected | None = None

    @property
    def request(self) -> HttpRequest:
        content_types = (("Content-Type", value) for value in self.content_types)
        return HttpRequest("/webhooks/email", self.body, (*content_types, *self.headers))

    @property
    def expected(self) -> Expected:
        return (self.special or Expected.RECORDED) if self.is_authentic else Expected.REFUSED

    @cached_property
    def is_authentic(self) -> bool:
        """Whether everything that is configured is valid: signature, its time, credentials."""
        headers = dict(self.headers)
        if len(headers) < len(self.headers):
            return False
        setup = self.setup
        signed = not setup.keys or self._is_signed(headers)
        known = not setup.pairs or _credentials(headers) in {pair.encode() for pair in setup.pairs}
        return signed and known and bool(setup.keys or setup.pairs)

    def _is_signed(self, headers: dict[str, str]) -> bool:
        timestamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not (timestamp.isascii() and timestamp.isdecimal()):
            return False
        if abs(NOW.timestamp() - int(timestamp)) > self.setup.tolerance.total_seconds():
            return False
        return any(
            signed_by_sendgrid(key, timestamp, self.body, signature) for key in self.setup.keys
        )


def _credentials(headers: dict[str, str]) -> bytes | None:
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None


AUTHOR = "ana@example.com"


def a_mail(
    name: str,
    *,
    text: bytes = b"Caf\xe9 \xff\xfe",
    author: str = AUTHOR,
    boundary: str = "b0undary",
    text_first: bool = False,
) -> bytes:
    """A different mail for each ``name``, with bytes that are not UTF-8."""
    message_id = hashlib.md5(name.encode()).hexdigest()
    fields = [
        ("headers", f"Message-ID: <{message_id}@example.com>\nFrom: {author}".encode()),
        ("envelope", f'{{"to": ["help@acme.example"], "from": "{author}"}}'.encode()),
        ("text", text),
    ]
    parts = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value
        for name, value in (reversed(fields) if text_first else fields)
    )
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])


def der_signature(body: bytes, timestamp: str, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))


def proof(timestamp: str, der: bytes) -> tuple[tuple[str, str], ...]:
    return (SIGNATURE, base64.b64encode(der).decode()), (TIMESTAMP, timestamp)


def basic(pair: str, encoding: str = "utf-8", scheme: str = "Basic") -> tuple[str, str]:
    return "Authorization", f"{scheme} {base64.b64encode(pair.encode(encoding)).decode()}"


def _keys() -> Iterator[MailCase]:
    signers = {"today's": KEY, "yesterday's": OLD_KEY, "a strange": STRANGE_KEY}
    trusted = {"both": (KEY, OLD_KEY), "one": (KEY,), "the other": (OLD_KEY,)}
    for (signer, key), (which, keys) in product(signers.items(), trusted.items()):
        name = f"signed with {signer} key, {which} believed"
        body = a_mail(name)
        setup = MailSetup(tuple(map(shown, keys)))
        yield MailCase(name, body, proof(str(ISSUED), der_signature(body, str(ISSUED), key)), setup)


def _times() -> Iterator[MailCase]:
    for hours in (96, 1):
        setup = MailSetup(tolerance=timedelta(hours=hours))
        for seconds in (0, 1, 300, 3599, 3600, 3601, 345_599, 345_600, 345_601, 31_536_000):
            for age in {seconds, -seconds}:
                name = f"signed {age} s ago, {hours} h allowed"
                body, timestamp = a_mail(name), str(ISSUED - age)
                yield MailCase(name, body, proof(timestamp, der_signature(body, timestamp)), setup)
    for odd in ("", "0", "soon", "-1", f"+{ISSUED}", f"{ISSUED}.0", f"{ISSUED}000", "1e9", "²"):
        body = a_mail(f"odd time {odd}")
        yield MailCase(f"timestamp {odd!r}", body, proof(odd, der_signature(body, odd)))
    body = a_mail("moved")
    for moved in (ISSUED + 1, ISSUED - 1, int(f"{ISSUED}"[:-1])):
        yield MailCase(
            f"moved to {moved}", body, proof(str(moved), der_signature(body, str(ISSUED)))
        )
    # The timestamp has no delimiter: its last digit could move to the beginning of the body.
    stamp = str(ISSUED)
    signed = der_signature(body, stamp)
    yield MailCase("digit moved to the body", stamp[-1:].encode() + body, proof(stamp[:-1], signed))


def _ders() -> Iterator[MailCase]:
    """The same numbers, or nearly the same, in another encoding."""
    body = a_mail("DER")
    der = der_signature(body, str(ISSUED))
    r, s = der_numbers(der)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    r_item, s_item = der[2 : 4 + der[3]], der[4 + der[3] :]
    long_r = bytes([2, r_item[1] + 1, 0]) + r_item[2:]
    forms = {
        "r plus the order": der_of(r + _ORDER, s),
        "s plus the order": der_of(r, s + _ORDER),
        "r and s exchanged": der_of(s, r),
        "no r": der_of(0, s),
        "no s": der_of(r, 0),
        "nothing but ones": der_of(1, 1),
        "the order": der_of(_ORDER, _ORDER),
        "a trailing byte": der + b"\0",
        "a trailing byte inside": bytes([0x30, der[1] + 1]) + der[2:] + b"\0",
        "a leading zero too many": bytes([0x30, der[1] + 1]) + long_r + s_item,
        "a length in two bytes": bytes([0x30, 0x81]) + der[1:],
        "an indefinite length": b"\x30\x80" + der[2:] + b"\0\0",
        "a set": b"\x31" + der[1:],
        "only r": bytes([0x30, len(r_item)]) + r_item,
        "the numbers alone": raw,
        "a negative number": b"\x30\x06\x02\x01\xff\x02\x01\x01",
        "cut": der[:-1],
        "empty": b"",
        "minus s twice": mirrored(mirrored(der)),
    }
    for name, changed in forms.items():
        own_body = a_mail("DER")
        yield MailCase(f"DER: {name}", own_body, proof(str(ISSUED), changed))
    twin = a_mail("the mirrored signature")
    twin_der = mirrored(der_signature(twin, str(ISSUED)))
    yield MailCase("DER: minus s", twin, proof(str(ISSUED), twin_der))


def _other_schemes() -> Iterator[MailCase]:
    body = a_mail("another scheme")
    text = str(ISSUED).encode() + body
    rsa_key = rsa.generate_private_key(65537, 2048)
    signatures = {
        "P-384": ec.derive_private_key(7, ec.SECP384R1()).sign(text, ec.ECDSA(hashes.SHA256())),
        "secp256k1": ec.derive_private_key(7, ec.SECP256K1()).sign(text, ec.ECDSA(hashes.SHA256())),
        "RSA": rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA256()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate().sign(text),
        "SHA-1": KEY.sign(text, ec.ECDSA(hashes.SHA1())),
        "SHA-384": KEY.sign(text, ec.ECDSA(hashes.SHA384())),
        "the body alone": KEY.sign(body, ec.ECDSA(hashes.SHA256())),
        "the time alone": KEY.sign(str(ISSUED).encode(), ec.ECDSA(hashes.SHA256())),
        "body, then time": KEY.sign(body + str(ISSUED).encode(), ec.ECDSA(hashes.SHA256())),
        "the body as Latin-1 text": der_signature(body.decode("latin-1").encode(), str(ISSUED)),
        "a hash of the hash": KEY.sign(hashlib.sha256(text).digest(), ec.ECDSA(hashes.SHA256())),
        "hashed beforehand": KEY.sign(
            hashlib.sha256(text).digest(), ec.ECDSA(Prehashed(hashes.SHA256()))
        ),
    }
    for name, signature in signatures.items():
        yield MailCase(f"signed by {name}", body, proof(str(ISSUED), signature))


def _bodies() -> Iterator[MailCase]:
    body = a_mail("tampered")
    headers = proof(str(ISSUED), der_signature(body, str(ISSUED)))
    for at in range(0, len(body), 9):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield MailCase(f"byte {at} of the mail", changed, headers)
    for length in (0, 1, len(body) // 2, len(body) - 1):
        yield MailCase(f"mail cut to {length}", body[:length], headers)
    yield MailCase("a byte more", body + b"\n", headers)
    text = headers[0][1]
    for name, changed_text in {
        "missing": "",
        "cut": text[:-4],
        "with a blank": f"{text[:8]} {text[8:]}",
        "without padding": text.rstrip("="),
        "URL-safe": "-_" + text[2:],
        "in hex": base64.b64decode(text).hex(),
    }.items():
        yield MailCase(f"mail signature {name}", body, ((SIGNATURE, changed_text), headers[1]))
    for at in range(0, 90, 9):
        flipped = bytearray(base64.b64decode(text))
        flipped[at % len(flipped)] ^= 1
        yield MailCase(f"byte {at} of the DER", body, proof(str(ISSUED), bytes(flipped)))
    for repeated in headers:
        yield MailCase(f"{repeated[0]} twice", body, (*headers, repeated))


def _basic_auth() -> Iterator[MailCase]:
    setups = {
        "a key": MailSetup(),
        "a pair": MailSetup(keys=(), pairs=(PAIR, OLD_PAIR)),
        "both": MailSetup(pairs=(PAIR, OLD_PAIR)),
    }
    sent = {
        "nothing": (),
        "the pair": (basic(PAIR),),
        "the old pair": (basic(OLD_PAIR),),
        "the old pair in Latin-1": (basic(OLD_PAIR, "latin-1"),),
        "a wrong password": (basic("frontdesk:s3cret"),),
        "a wrong user": (basic("Frontdesk:s3cret:with-colon"),),
        "only a user": (basic("frontdesk"),),
        "nobody": (basic(":"),),
        "lower-case basic": (basic(PAIR, scheme="basic"),),
        "a bearer": (basic(PAIR, scheme="Bearer"),),
        "no base64": (("Authorization", f"Basic {PAIR}"),),
        "the pair and a blank": (("Authorization", basic(PAIR)[1] + " "),),
        "the pair twice": (basic(PAIR), basic(PAIR)),
    }
    for (which, setup), (what, authorization), signer in product(
        setups.items(), sent.items(), (None, KEY, STRANGE_KEY)
    ):
        signed = {None: "unsigned", KEY: "signed", STRANGE_KEY: "signed by a stranger"}[signer]
        name = f"{which} set up, {what} sent, {signed}"
        body = a_mail(name)
        stamp = str(ISSUED)
        headers = proof(stamp, der_signature(body, stamp, signer)) if signer else ()
        yield MailCase(name, body, (*authorization, *headers), setup)


CONTENT_TYPES: dict[str, tuple[str, ...]] = {
    "of the text": ("multipart/form-data; boundary=EVIL",),
    "of the text, quoted": ('multipart/form-data; boundary="EVIL"',),
    "of the text, in capitals": ("MULTIPART/FORM-DATA; BOUNDARY=EVIL",),
    "of the text, then its own": ("multipart/form-data; boundary=EVIL; boundary=b0undary",),
    "its own, then of the text": ("multipart/form-data; boundary=b0undary; boundary=EVIL",),
    "of the text, of another type": ("multipart/mixed; boundary=EVIL",),
    "in two headers": tuple(f"multipart/form-data; boundary={b}" for b in ("b0undary", "EVIL")),
    "in a charset": ("multipart/form-data; boundary=b0undary; charset=utf-16",),
    "unnamed": ("multipart/form-data",),
    "without a header": (),
}


def _other_uses() -> Iterator[MailCase]:
    """A valid signature, used for another mail than the signed one."""

    def case(name: str, body: bytes, **more: Any) -> MailCase:
        headers = proof(str(ISSUED), der_signature(body, str(ISSUED)))
        return MailCase(f"mail {name}", body, headers, **more)

    for name, content_types in CONTENT_TYPES.items():
        forged = a_mail(f"forged {name}", author="boss@bank.example", boundary="EVIL")
        body = a_mail(f"boundary {name}", text=b"Hi\r\n" + forged)
        yield case(f"under a boundary {name}", body, content_types=content_types)
    plain = a_mail("other uses")
    ended = b"Hi\r\n" + a_mail("forged", author="boss@bank.example")
    for name, body in {
        "behind a preamble": b"Hi\r\n" + plain,
        "behind an empty line": b"\r\n" + plain,
        "behind another form": a_mail("x", author="boss@bank.example", boundary="EVIL") + plain,
        "before an epilogue": plain + b"Hi\r\n",
        "before another form": plain + a_mail("y", author="boss@bank.example"),
        "whose text ends the form": a_mail("ended", text=ended, text_first=True),
        "with LF alone": plain.replace(b"\r\n", b"\n"),
    }.items():
        yield case(name, body, special=Expected.SPOOLED)


MAIL_CASES = (
    *_keys(),
    *_times(),
    *_ders(),
    *_other_schemes(),
    *_bodies(),
    *_basic_auth(),
    *_other_uses(),
)
