"""Frontdesk and the peers as servers: how each is prepared, started and looked into."""

import base64
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from benchmarks import webhooks
from benchmarks.processes import Measured, free_port, running
from domain.channels import ChannelType

ROOT = Path(__file__).resolve().parents[1]
PEERS_BIN = ROOT / ".venv-bench" / "bin"
FRONTDESK = str(Path(sys.executable).with_name("frontdesk"))
THREADS = 8

Command = Callable[[int], list[str]]


@dataclass(frozen=True)
class Server:
    """A program with data of its own in ``folder``; ``count`` is a SELECT of what it stored."""

    name: str
    folder: Path
    command: Command
    environ: Mapping[str, str]
    count: str = ""

    @contextmanager
    def running(self, **more: str) -> Iterator[Measured]:
        """The server as it answers, with ``more`` variables in its environment."""
        port = free_port()
        environ = {"PATH": os.environ["PATH"], **self.environ, **more}
        # The peers are imported from the root of the repository.
        environ = {**environ, "PYTHONPATH": str(ROOT)}
        with running(self.command(port), environ, self.folder / "log", port) as measured:
            yield measured

    def stored(self) -> int:
        """How many messages it has stored."""
        (database,) = self.folder.glob("*.db")
        with closing(sqlite3.connect(database)) as connection:
            return int(connection.execute(self.count).fetchone()[0])


def frontdesk(folder: Path, channel: ChannelType = ChannelType.SMS) -> Server:
    """Frontdesk with embedded storage, real secrets, and a conversation for each sender."""
    folder.mkdir(parents=True)
    environ = {
        "DATA_DIR": str(folder),
        "PUBLIC_BASE_URL": webhooks.ORIGIN,
        "TWILIO_ACCOUNT_SID": webhooks.ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": webhooks.AUTH_TOKEN,
        "SENDGRID_WEBHOOK_PUBLIC_KEY": _public_key(),
    }
    webhooks.open_conversations(environ, channel)
    return Server(
        "Frontdesk",
        folder,
        lambda port: [FRONTDESK, "serve", "--port", str(port)],
        environ,
        "SELECT count(*) FROM messages JOIN contexts USING (request_id)",
    )


def empty_server(folder: Path, *options: str) -> Server:
    """The server uvicorn at its quickest, with an application that stores nothing.

    It logs each request, as it does unless told otherwise, and as Frontdesk does.
    """
    folder.mkdir(parents=True)
    return Server("empty server", folder, _uvicorn("empty_server", *options), {})


def reading_server(folder: Path) -> Server:
    """The same with an application that hashes what it reads."""
    folder.mkdir(parents=True)
    return Server("reading and hashing", folder, _uvicorn("reading_server"), {})


def flask(folder: Path) -> Server:
    """Flask and SQLAlchemy, with a conversation for each sender."""
    folder.mkdir(parents=True)
    environ = {
        "DATABASE": str(folder / "flask.db"),
        "PUBLIC_BASE_URL": webhooks.ORIGIN,
        "TWILIO_AUTH_TOKEN": webhooks.AUTH_TOKEN,
    }
    numbers = range(webhooks.SENDERS)
    lines = "".join(f"{webhooks.phone(number)} {webhooks.NUMBER}\n" for number in numbers)
    _prepare("benchmarks.peers.flask_sms", environ=environ, text=lines)
    count = "SELECT count(*) FROM messages"
    return Server("Flask", folder, _gunicorn("flask_sms:app"), environ, count)


def django(folder: Path) -> Server:
    """Django and Anymail, for mail."""
    folder.mkdir(parents=True)
    environ = {
        "DATABASE": str(folder / "django.db"),
        "WEBHOOK_SECRET": webhooks.MAIL_PASSWORD,
        "DJANGO_SETTINGS_MODULE": "benchmarks.peers.django_mail.settings",
    }
    _prepare("django", "migrate", "--run-syncdb", "--verbosity", "0", environ=environ)
    count = "SELECT count(*) FROM django_mail_mail"
    return Server("Anymail", folder, _gunicorn("django_mail.wsgi"), environ, count)


def with_slow_syncs(library: Path, counts: Path, milliseconds: int) -> Mapping[str, str]:
    """The variables that have ``slow_sync.c`` count the syncs, and slow them down."""
    counts.write_bytes(bytes(16))
    return {
        "LD_PRELOAD": str(library),
        "SYNC_COUNTS": str(counts),
        "SYNC_MILLISECONDS": str(milliseconds),
    }


def _uvicorn(module: str, *more: str) -> Command:
    options = ["--http", "httptools", "--loop", "uvloop", *more]
    app = f"benchmarks.peers.{module}:app"
    return lambda port: [str(PEERS_BIN / "uvicorn"), app, *options, "--port", str(port)]


def _gunicorn(application: str) -> Command:
    # Connections stay open for longer than a run, as at a provider's proxy.
    options = ["--worker-class", "gthread", "--threads", str(THREADS), "--keep-alive", "75"]
    app = f"benchmarks.peers.{application}"
    command = [str(PEERS_BIN / "gunicorn"), app, *options, "--no-control-socket"]
    return lambda port: [*command, "--bind", f"127.0.0.1:{port}"]


def _prepare(*module: str, environ: Mapping[str, str], text: str = "") -> None:
    subprocess.run(  # noqa: S603 - our own
        [str(PEERS_BIN / "python"), "-m", *module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        input=text,
        text=True,
        check=True,
    )


def _public_key() -> str:
    """As SendGrid shows it."""
    der = webhooks.MAIL_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()
