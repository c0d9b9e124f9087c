"""Is everything that the settings name there, and as it is expected? What waits?

The server asks each backend at its start what would keep it from working; ``frontdesk doctor``
asks everything.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

from application.ports.checks import CheckResult, CheckStatus, Unanswered, Unreported
from application.recovery.drain_spool import LONGEST_DELAY, STILL_FAILS
from application.tracing.wording import times
from domain.errors import TemporaryError, WebhookHandlerError
from domain.messages import STUCK_AFTER, MessageRecord
from domain.times import readable
from entrypoints.composition.container import Container
from entrypoints.operations.clock_checks import check_clock
from entrypoints.operations.public_url_checks import check_public_urls
from entrypoints.operations.queue_checks import check_consumers
from entrypoints.operations.refusal_checks import check_refusals
from infrastructure.backend import Backend

MOST = 100
"""More are not counted."""

SPOOL_MINUTES = LONGEST_DELAY.seconds // 60
"""How soon each entry of the spool is tried again, while a server or the relay works."""

SEVERAL_ATTEMPTS = 3
"""An entry of the spool that was taken as often fails again and again."""

UNMATCHED_AFTER = timedelta(minutes=5)
"""An unmatched message that is older waits for an operator."""

_REFUSALS = "refusals"
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Found = tuple[CheckStatus, str]


class UnfitBackendsError(WebhookHandlerError):
    """Tables, queues or a bucket that are missing, or are not what they have to be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the backends are not as expected: " + "; ".join(problems))
        self.problems = problems


class UnansweredError(TemporaryError):
    """Backends that do not answer: whether they are as expected is not known yet."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))


def require_backends(container: Container) -> None:
    """Refuse to work with tables, indexes, queues or a bucket that are missing or have other keys.

    Embedded databases need no such check: they are made at the start. The spool is made here:
    when it is needed nothing else may work. All backends are asked at the same time: what does
    not answer is waited for only once.

    Raises ``UnfitBackendsError`` that names every problem. If there is none, ``UnansweredError``
    that names everything that did not answer.
    """
    with ThreadPoolExecutor() as pool:
        of_each = pool.map(_start_problems, container.backends_in_use())
    lines = [line for lines in of_each for line in lines]
    if problems := [line for line in lines if not isinstance(line, Unanswered | Unreported)]:
        raise UnfitBackendsError(problems)
    if unanswered := [line for line in lines if isinstance(line, Unanswered)]:
        raise UnansweredError(unanswered)


def _start_problems(backend: Backend) -> list[str]:
    lines: list[str] = []
    try:
        lines.extend(backend.start_problems())
    except TemporaryError as error:
        lines.append(str(error) if error.needs_operator else Unanswered(str(error)))
    except WebhookHandlerError:
        raise
    except Exception as error:
        # An engine may answer in any form. What cannot be told is no reason to stop the start.
        lines.append(Unanswered(f"it could not be checked: {type(error).__name__}"))
    return lines


def run_checks(container: Container) -> Iterator[CheckResult]:
    """Everything about settings that were read, one check after the other.

    Without an error, also the backlog.
    """
    in_order = True
    for result in _check_environment(container):
        # What is refused says nothing of the backends.
        is_wrong = result.status is CheckStatus.ERROR and result.check != _REFUSALS
        in_order = in_order and not is_wrong
        yield result
    if in_order:
        yield from check_backlog(container)
    else:
        text = (
            "not looked at while there is an error: spool, pending, unmatched, dead letters, queues"
        )
        yield CheckResult("backlog", CheckStatus.SKIPPED, text)


def _check_environment(container: Container) -> Iterator[CheckResult]:
    yield from _results("secrets", _secrets(container))
    if container.settings().api_tokens is not None:
        yield from _results("access tokens", _access_tokens(container))
    yield from _results("public URL", check_public_urls(container.settings()))
    yield from _results(_REFUSALS, check_refusals(container))
    yield from _results("clock", check_clock(container))
    for backend in container.backends_in_use():
        yield from backend.checks()


def check_backlog(container: Container) -> Iterator[CheckResult]:
    """What waits, as far as there is a place for it yet; nothing is made or taken.

    What is tried again by itself is a warning, for it keeps nothing from starting. What waits
    for an operator is an error.
    """
    if container.spool_backend().has_spool():
        yield from _results("spool", _spool(container))
    if container.storage().is_created():
        yield from _results("pending", _pending(container))
        yield from _results("unmatched", _unmatched(container))
    if container.files().has_dead_letters():
        yield from _results("dead letters", _dead_letters(container))
    if container.settings().queue != "sqlite" or container.sqlite().is_created():
        yield from _results("consumers", check_consumers(container))


def _results(check: str, found: Iterator[Found]) -> Iterator[CheckResult]:
    try:
        for status, text in found:
            yield CheckResult(check, status, text)
    except WebhookHandlerError as error:
        yield CheckResult(check, CheckStatus.ERROR, str(error))
    except Exception as error:
        # An engine may answer in any form. The other checks go on. The text may hold content.
        text = f"could not be checked: {type(error).__name__}"
        yield CheckResult(check, CheckStatus.ERROR, text)


def _secrets(container: Container) -> Iterator[Found]:
    from infrastructure.configuration.secrets import development_secret

    settings = container.settings()
    if settings.has_real_secrets:
        try:
            accounts = container.provider_accounts()
        except TemporaryError as error:
            until = "until that is mended webhooks get a 503, and no server starts"
            yield CheckStatus.ERROR, f"{error}: {until}"
            return
        counted = f"{len(accounts.twilio)} of Twilio, {len(accounts.sendgrid)} of SendGrid"
        companies = len(accounts.directory.tenants)
        yield CheckStatus.OK, f"accounts: {counted}; companies: {companies}"
        return
    if (settings.data_dir / development_secret.FILE_NAME).exists():
        development_secret.read_development_credentials(settings.data_dir)
    yield (
        CheckStatus.WARNING,
        "the development secret is in use: real providers are refused until their secrets are set",
    )


def _access_tokens(container: Container) -> Iterator[Found]:
    tokens = container.operations().access_tokens().current().tokens
    yield CheckStatus.OK, f"of the API: {', '.join(token.name for token in tokens)}"


def pending_messages(container: Container) -> tuple[MessageRecord, ...]:
    """The messages that are recorded and on no queue, due or not: of more than ``MOST``, those."""
    return container.stores().outbox.list_stuck(MOST, _END_OF_TIME)


def at_most(counted: int) -> str:
    """How many there are, for a person, where no more than ``MOST`` were asked for."""
    return f"{MOST} or more" if counted == MOST else f"{counted}"


def _spool(container: Container) -> Iterator[Found]:
    depth = container.spool().depth()
    if depth.entries:
        since = f", the oldest came at {readable(depth.oldest_at)}" if depth.oldest_at else ""
        yield (
            CheckStatus.WARNING,
            f"{depth.entries} spooled{since}: each is tried again within {SPOOL_MINUTES} "
            "minutes, and 'frontdesk relay' processes now what is due",
        )
        if depth.attempts >= SEVERAL_ATTEMPTS:
            yield (
                CheckStatus.WARNING,
                f"an entry was taken {times(depth.attempts)} and is still there: what keeps it "
                "from being recorded has not ended by itself. Unless a line above names it, the "
                f'log does, in lines with "message": "{STILL_FAILS}"',
            )
    else:
        yield CheckStatus.OK, "the spool is empty"
    if depth.broken:
        files = "1 broken file" if depth.broken == 1 else f"{depth.broken} broken files"
        yield (
            CheckStatus.ERROR,
            f"{files} in the spool that cannot be read: mend what ends in '.broken' in "
            f"{container.settings().data_dir / 'spool'} and take that suffix away, or remove it",
        )


def _pending(container: Container) -> Iterator[Found]:
    pending, now = pending_messages(container), container.clock()()
    # Of the others the first handler may still be at it.
    late = [record for record in pending if record.recorded_at + STUCK_AFTER <= now]
    if not pending:
        yield CheckStatus.OK, "no message waits for its queue"
        return
    if not late:
        yield CheckStatus.OK, f"{at_most(len(pending))} on the way, recorded a moment ago"
        return
    if due := sum(record.due_at <= now for record in late):
        which = "them" if due == len(late) else f"{due} of them"
        what_next = f"'frontdesk relay' publishes {which} now"
    else:
        attempts = max(record.attempts for record in late)
        next_at = readable(min(record.due_at for record in late))
        what_next = f"attempts so far: {attempts}, the next is at {next_at}"
    oldest_at = readable(min(record.recorded_at for record in late))
    yield (
        CheckStatus.WARNING,
        f"{at_most(len(late))}, the oldest of {oldest_at}, on no queue yet: {what_next}",
    )


def _unmatched(container: Container) -> Iterator[Found]:
    records = container.stores().lookup.latest_unmatched(MOST)
    before = container.clock()() - UNMATCHED_AFTER
    old = [record.recorded_at for record in records if record.recorded_at <= before]
    if old:
        yield (
            CheckStatus.WARNING,
            f"{at_most(len(old))}, the oldest of {readable(min(old))}, and nobody answers them: "
            "see why with 'frontdesk unmatched list'",
        )
    else:
        yield CheckStatus.OK, "none" if not records else f"{len(records)}, a moment old"


def _dead_letters(container: Container) -> Iterator[Found]:
    unreadable: list[str] = []
    dead_letters = container.dead_letters().each_dead_letter(unreadable=unreadable.append)
    made_at = [dead_letter.created_at for dead_letter in islice(dead_letters, MOST)]
    if made_at:
        yield (
            CheckStatus.WARNING,
            f"{at_most(len(made_at))}, the oldest of {readable(min(made_at))}: "
            "see 'frontdesk dead-letters list'",
        )
    elif not unreadable:
        yield CheckStatus.OK, "none"
    if unreadable:
        yield (
            CheckStatus.ERROR,
            f"{len(unreadable)} cannot be read: mend or remove {', '.join(sorted(unreadable))}",
        )
