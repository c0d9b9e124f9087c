"""Refused requests that are diagnosed once their responses have left, and how few of them."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock, Thread, main_thread
from typing import Final, NamedTuple

from application.clock import Clock
from application.ports.refusals import BriefDiagnosis, Diagnose
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from infrastructure.refusal_slots import (
    MAX_CAUSE_CHARACTERS,
    MAX_REMEDY_CHARACTERS,
    RefusalKey,
    printable,
)

logger = logging.getLogger(__name__)

DOUBTFUL: Final = "signature_mismatch"
"""The reason that leaves a doubt. The others say what is wrong."""

MOST_BODY_BYTES = 32 * 1024
"""A form of Twilio's has a few kilobytes, and a mail without files hardly more."""

MOST_HELD = 8
"""How many requests may wait, each of another account or channel."""

INTERVAL = timedelta(minutes=1)
"""At most how often one account is diagnosed on one channel."""

PAUSE_SECONDS = 0.1
"""The responses have left by then."""

Keep = Callable[[RefusalKey, datetime, BriefDiagnosis], None]
"""Takes the diagnosis of a refusal that came at that time."""


class _Held(NamedTuple):
    key: RefusalKey
    at: datetime
    request: WebhookRequest


class BackgroundDiagnoses:
    """Has requests diagnosed, one after the other, on a thread that ends when none waits.

    Nothing of a request outlives its diagnosis but what ``keep`` gets.
    """

    def __init__(self, diagnose: Diagnose | None, keep: Keep, clock: Clock) -> None:
        self._diagnose = diagnose
        self._keep = keep
        self._clock = clock
        self._lock = Lock()
        self._held: dict[tuple[ChannelType | None, str], _Held] = {}
        self._diagnosed_at: dict[tuple[ChannelType | None, str], datetime] = {}
        self._runs = False

    def offer(self, key: RefusalKey, at: datetime, request: WebhookRequest | None) -> None:
        """Hold ``request`` if it is wanted and there is room. Never raises, and does not wait.

        The same is done for every refusal, also where nothing will be diagnosed: the time of a
        response must not tell which accounts are known.
        """
        if self._diagnose is None or request is None:
            return
        is_wanted = key.reason == DOUBTFUL and len(request.body) <= MOST_BODY_BYTES
        held = _Held(key, at, request)
        with self._lock:
            if is_wanted and len(self._held) < MOST_HELD:
                self._held.setdefault(key[:2], held)
            runs, self._runs = self._runs, True
        if runs:
            return
        try:
            # No daemon, as what starts it may be: a server that ends waits for one diagnosis.
            Thread(target=self._run, name="diagnoses", daemon=False).start()
        except RuntimeError:  # no thread is left: the next refusal tries again
            self._runs = False

    def _run(self) -> None:
        time.sleep(PAUSE_SECONDS)
        while held := self._next():
            try:
                self._diagnosed(held)
            except Exception as error:
                # Whatever a stranger has sent must not end this thread.
                extra = {"error": type(error).__name__}
                logger.warning("a refused request could not be diagnosed", extra=extra)
            if not main_thread().is_alive():
                return

    def _next(self) -> _Held | None:
        """The next one whose turn it is. The others are forgotten."""
        now = self._clock()
        with self._lock:
            while self._held:
                kind, held = self._held.popitem()
                last_at = self._diagnosed_at.get(kind)
                if last_at is None or not last_at <= now < last_at + INTERVAL:
                    self._diagnosed_at[kind] = now
                    return held
            self._runs = False
            return None

    def _diagnosed(self, held: _Held) -> None:
        channel = held.key.channel
        if self._diagnose is None or channel is None:
            return
        diagnosis = self._diagnose(channel, held.request)
        if diagnosis is not None:
            cause = printable(diagnosis.cause, MAX_CAUSE_CHARACTERS)
            remedy = printable(diagnosis.remedy, MAX_REMEDY_CHARACTERS)
            self._keep(held.key, held.at, replace(diagnosis, cause=cause, remedy=remedy))
