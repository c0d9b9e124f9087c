"""Twilio's SMS with Flask and SQLAlchemy: one transaction a webhook, in SQLite.

``DATABASE``, ``PUBLIC_BASE_URL`` and ``TWILIO_AUTH_TOKEN`` are its settings. Called as a
program, it makes the tables and opens a conversation for each sender on standard input.

    gunicorn --worker-class gthread --threads 8 benchmarks.peers.flask_sms:app
"""

import json
import logging
import os
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, abort, request
from sqlalchemy import ForeignKey, UniqueConstraint, create_engine, event, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

REPLY_DELAY = timedelta(seconds=30)
TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class Base(DeclarativeBase):
    """What all tables share."""


class Conversation(Base):
    """Who writes to which of our numbers."""

    __tablename__ = "conversations"
    __table_args__ = (UniqueConstraint("sender", "recipient"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str]
    recipient: Mapped[str]
    status: Mapped[str] = mapped_column(default="open")
    hand_off_to_human: Mapped[bool] = mapped_column(default=False)
    last_message: Mapped[str | None]
    last_activity_at: Mapped[datetime | None]


class Message(Base):
    """What was written. Twilio's id of it makes a repeat a violation of the unique key."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    message_sid: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey(Conversation.id), index=True)
    body: Mapped[str]
    form: Mapped[str]
    received_at: Mapped[datetime]


class Job(Base):
    """A message that waits for its answer."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    queue: Mapped[str] = mapped_column(index=True)
    available_at: Mapped[datetime]
    payload: Mapped[str]


engine = create_engine(f"sqlite:///{os.environ['DATABASE']}", connect_args={"timeout": 10})
new_session = sessionmaker(engine)


@event.listens_for(engine, "connect")
def set_up_connection(connection: sqlite3.Connection, _record: object) -> None:
    """A commit survives a power failure; SQLAlchemy begins the transactions."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


@event.listens_for(engine, "begin")
def begin_immediately(connection: Connection) -> None:
    """Two transactions that both read first and write then would block each other."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
logger = logging.getLogger(__name__)
validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
public_base_url = os.environ["PUBLIC_BASE_URL"]
app = Flask(__name__)


@app.post("/webhooks/sms")
def receive_sms() -> Response:
    """Verify, record, queue, and answer with an empty TwiML."""
    url = public_base_url + request.full_path.removesuffix("?")
    form = request.form
    if not validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")):
        abort(401)
    try:
        with new_session.begin() as session:
            record(session, form.to_dict(), datetime.now(UTC))
        logger.info("message %s recorded", form["MessageSid"])
    except IntegrityError:
        logger.info("message %s is a duplicate", form["MessageSid"])
    return Response(TWIML, content_type="text/xml")


def record(session: Session, form: dict[str, str], now: datetime) -> None:
    """Everything that one message changes."""
    whose = (Conversation.sender == form["From"], Conversation.recipient == form["To"])
    conversation = session.scalars(select(Conversation).where(*whose)).one()
    conversation.status = "user_reply_received"
    conversation.last_message = form["Body"]
    conversation.last_activity_at = now
    message = Message(
        message_sid=form["MessageSid"],
        conversation_id=conversation.id,
        body=form["Body"],
        form=json.dumps(form),
        received_at=now,
    )
    kind = "handoff" if conversation.hand_off_to_human else "replies"
    session.add_all(
        [
            message,
            Job(
                queue=f"sms-{kind}",
                available_at=now if conversation.hand_off_to_human else now + REPLY_DELAY,
                payload=json.dumps(payload(conversation, form, now)),
            ),
        ]
    )


def payload(conversation: Conversation, form: dict[str, str], now: datetime) -> dict[str, Any]:
    """What the answering program needs."""
    return {
        "conversation_id": conversation.id,
        "status": conversation.status,
        "message_sid": form["MessageSid"],
        "from": form["From"],
        "to": form["To"],
        "body": form["Body"],
        "received_at": now.isoformat(),
    }


def main() -> None:
    """Make the tables; each line of standard input has a sender and a recipient."""
    Base.metadata.create_all(engine)
    with new_session.begin() as session:
        for line in sys.stdin:
            sender, recipient = line.split()
            session.add(Conversation(sender=sender, recipient=recipient))


if __name__ == "__main__":
    main()
