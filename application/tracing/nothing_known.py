"""What to say where nothing is known of a message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from application.ports.refusals import Refusal
from application.tracing.wording import ago, command
from domain.channels import ChannelType

LogSearch = Callable[[Mapping[str, str]], str]
"""How to find the log lines with these fields, for an operator to copy."""


_OTHER = (
    "look in the provider's own log for the answer that it got. With a 200 it was a status "
    "callback, which tells what became of a message that you sent: it is counted and recorded "
    "nowhere, and there is nothing to do. With an error, or no answer, it did not come here: "
    "correct the URL or the proxy, and answer the customer by hand, for it may not be sent again. "
    f"{command('doctor', '--probe')} tests whether the public URL leads here"
)

NOBODY_HAS_WRITTEN = "Nobody has written in this conversation yet, as far as the store knows."


@dataclass(frozen=True, slots=True)
class NothingKnown:
    """No record, no spool entry and no dead letter was found where one can be seen.

    ``refusals`` are the latest on ``channels`` and of paths without a channel, the latest first.
    ``failure`` is why the store could not be asked: settings that are wrong, or the store itself.
    """

    refusals: tuple[Refusal, ...]
    channels: frozenset[ChannelType]
    sees_all_refusals: bool
    sees_spool: bool
    failure: str | None
    log_search: LogSearch
    now: datetime

    def sentence(self, text: str) -> str:
        """Where was looked, and what to check."""
        if text.startswith("sha256:"):
            return (
                f"{text} is what logs show of a mail's id, and leads to no record: trace the "
                f"request_id of the same log line."
            )
        if self.failure:
            return (
                f"It is not known whether {text} is recorded: {self.failure}. It is no "
                f"{'spool entry and no ' if self.sees_spool else ''}dead letter."
            )
        places = "no record, no spool entry and no dead letter"
        if not self.sees_spool:
            places = "no record and no dead letter (this spool shows nothing of what is in it)"
        return f"Nothing is known of {text}: there is {places}. {self._next()}"

    def in_conversation(self) -> str:
        """Of a conversation without messages: the same, for somebody may have tried."""
        return f"{NOBODY_HAS_WRITTEN} {self._next()}"

    @property
    def note(self) -> str | None:
        """What else it may be, to stand after the refusals: one of them probably is it."""
        return f"if it was none of these, {_OTHER}" if self.refusals and not self.failure else None

    def _next(self) -> str:
        names = " and ".join(sorted(self.channels)) if len(self.channels) < len(ChannelType) else ""
        webhooks = f"webhooks of {names}" if names else "webhooks"
        if self.refusals:
            # Strangers scan every public server: they must not hide what a provider has sent.
            last = next((one for one in self.refusals if one.account), self.refusals[0])
            refused = " and ".join(sorted({one.channel for one in self.refusals if one.channel}))
            what = (
                f"webhooks of {refused}"
                if last.channel
                else "requests to paths that are no webhook"
            )
            why = f". {last.diagnosis.cause}" if last.diagnosis else f", {last.reason}."
            return (
                f"It may have been refused: {what} were, the latest at "
                f"{ago(last.last_at, self.now)}{why} The refusal says what to do. It is not sent "
                f"again: afterwards let the customer write again, or answer by hand."
            )
        if not self.sees_all_refusals:
            search = self.log_search({"outcome": "refused"})
            return f"Refused {webhooks} are in the log: {search}. If none was refused, {_OTHER}."
        return f"No {webhooks} were refused lately either. So {_OTHER}."
