"""What to say where nothing is known of a message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from application.ports.refusals import Refusal
from application.tracing.wording import ago, command
from domain.channels import ChannelType

LogSearch = Callable[[Mapping[str, str]], str]
"""How to find the log lines with these fields, for an operator to copy."""


@dataclass(frozen=True, slots=True)
class NothingKnown:
    """No record, no spool entry and no dead letter was found where one can be seen.

    ``refusals`` are the latest on ``channels``, the latest first.
    """

    refusals: tuple[Refusal, ...]
    channels: frozenset[ChannelType]
    sees_all_refusals: bool
    sees_spool: bool
    sees_store: bool
    log_search: LogSearch
    now: datetime

    def sentence(self, text: str) -> str:
        """Where was looked, and what to check."""
        if text.startswith("sha256:"):
            return (
                f"{text} is what logs show of a mail's id, and leads to no record: trace the "
                f"request_id of the same log line."
            )
        if not self.sees_store:
            return (
                f"The store does not answer, so it is not known whether {text} is recorded; it is "
                f"no {'spool entry and no ' if self.sees_spool else ''}dead letter. "
                f"{command('doctor')} says what is wrong with the store."
            )
        places = "no record, no spool entry and no dead letter"
        if not self.sees_spool:
            places = "no record and no dead letter (this spool shows nothing of what is in it)"
        return f"Nothing is known of {text}: there is {places}. {self._next()}"

    def _next(self) -> str:
        names = " and ".join(sorted(self.channels)) if len(self.channels) < len(ChannelType) else ""
        webhooks = f"webhooks of {names}" if names else "webhooks"
        # Strangers scan every public server: they must not hide what a provider has sent.
        if last := next((one for one in self.refusals if one.account), None):
            return (
                f"Of the refused {webhooks} that name a known account, the latest is of "
                f"{last.account}: {last.reason}, at {ago(last.last_at, self.now)}. If it was this "
                f"one, {command('doctor', 'signature')} finds the setting that is wrong."
            )
        if self.refusals:
            return (
                f"The refused {webhooks} name no account of the settings, the latest at "
                f"{ago(self.refusals[0].last_at, self.now)}. If it was this one, "
                f"{command('doctor')} says what may be missing."
            )
        if not self.sees_all_refusals:
            search = self.log_search({"outcome": "refused"})
            return (
                f"Refused {webhooks} are in the log: {search}. If none was refused, the provider "
                f"has not delivered it: look in its own log for the URL that it called."
            )
        return (
            f"No {webhooks} of a known account were refused lately either, so the provider has "
            f"not delivered it here: look in its own log for the URL that it called and the "
            f"answer that it got; {command('doctor')} shows the URL that it has to call."
        )
