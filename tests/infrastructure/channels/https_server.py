"""Hosts of the internet on the loopback interface: a TLS server that writes any bytes."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infrastructure.channels.https_fetching import HttpsFetcher


@dataclass(frozen=True)
class Visit:
    """A request as the server got it."""

    host: str
    target: str
    headers: Mapping[str, str]


Write = Callable[[bytes], object]
Handle = Callable[[Visit, Write, Event], object]
"""Writes the response to a visit. The event says that the test is over."""


@dataclass
class HttpsServer:
    """The port of the server, and who came."""

    port: int
    visits: list[Visit] = field(default_factory=list)
    closed: int = 0

    @property
    def targets(self) -> list[str]:
        return [visit.host + visit.target for visit in self.visits]


@dataclass(frozen=True)
class Authority:
    """A certificate authority for a test, and what it has issued to one server."""

    certificate_file: Path
    server_file: Path

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate_file))


def make_authority(directory: Path, *hosts: str) -> Authority:
    """An authority whose one server may call itself any of ``hosts``."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("ca", "it")]
    common = (names[0], keys[0])
    root = _issue(*common, names[0], keys[0], is_authority=True)
    server = _issue(*common, names[1], keys[1], hosts=hosts, is_authority=False)
    authority = Authority(directory / "ca.pem", directory / "server.pem")
    authority.certificate_file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    key = keys[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    authority.server_file.write_bytes(key + server.public_bytes(serialization.Encoding.PEM))
    return authority


def _issue(
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
    hosts: tuple[str, ...] = (),
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if hosts:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@contextmanager
def https_server(authority: Authority, handle: Handle) -> Iterator[HttpsServer]:
    """A server that responds as ``handle`` does, until the block ends."""
    is_over = Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server_file)

    class Handler(StreamRequestHandler):
        request: socket.socket

        def handle(self) -> None:
            with suppress(OSError):
                tls = context.wrap_socket(self.request, server_side=True)
                with tls, tls.makefile("rb") as lines:
                    visit = _visit(lines.readline, lines.readline)
                    server.visits.append(visit)
                    handle(visit, tls.sendall, is_over)
                    with suppress(OSError):
                        tls.unwrap()
            server.closed += 1

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listener:
        server = HttpsServer(listener.server_address[1])
        thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            is_over.set()
            listener.shutdown()
            thread.join()


def _visit(first_line: Callable[[], bytes], next_line: Callable[[], bytes]) -> Visit:
    _, target, _ = first_line().decode().split()
    headers = {}
    while line := next_line().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Visit(headers["host"], target, headers)


def response(
    content: bytes = b"", *headers: str, status: int = 200, length: int | None = None
) -> bytes:
    """A whole response; ``length`` is what it claims of its content."""
    size = len(content) if length is None else length
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {size}", *headers]
    return "\r\n".join((*head, "", "")).encode() + content


def responding(*responses: bytes) -> Handle:
    """One response after the other; the last one for ever."""
    left = list(responses)
    return lambda visit, write, is_over: write(left.pop(0) if len(left) > 1 else left[0])


def redirecting(*locations: str, content: bytes = b"file", status: int = 302) -> Handle:
    """A redirect to each of ``locations``, and then the file."""
    answers = [response(b"", f"Location: {each}", status=status) for each in locations]
    return responding(*answers, response(content))


def a_fetcher(
    authority: Authority,
    server: HttpsServer,
    addresses: Mapping[str, str] | None = None,
    **others: object,
) -> HttpsFetcher:
    """A fetcher for which every host is the server, and every address on this machine public.

    ``addresses`` are hosts that are somewhere else.
    """
    elsewhere = addresses or {}
    fields: dict[str, object] = {
        "resolve": lambda host: [elsewhere.get(host, "127.0.0.1")],
        "is_allowed": lambda address: address == "127.0.0.1",
        "authorities": authority.trusted,
        "port": server.port,
    }
    return HttpsFetcher(**{**fields, **others})  # type: ignore[arg-type]  # fields of it
