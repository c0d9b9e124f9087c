"""Use cases that hardly any webhook needs: each is imported when it is first built."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from application.conversations.migrate_history import MigrateHistory
    from application.conversations.show_conversation import ShowConversation
    from application.conversations.switch_hand_off import SwitchHandOff
    from application.privacy.erase_message import EraseMessage
    from application.privacy.erase_person import ErasePerson
    from application.privacy.purge_expired import PurgeExpired
    from application.recovery.drain_spool import DrainSpool
    from application.recovery.redrive_dead_letters import RedriveDeadLetters
    from application.recovery.redrive_unmatched import RedriveUnmatched
    from application.recovery.relay_outbox import RelayOutbox

Collaborators = ParamSpec("Collaborators")
UseCase = TypeVar("UseCase")


def later(
    load: Callable[[], Callable[Collaborators, UseCase]],
) -> Callable[Collaborators, UseCase]:
    """What builds the use case that ``load`` imports."""

    def build(*args: Collaborators.args, **kwargs: Collaborators.kwargs) -> UseCase:
        return load()(*args, **kwargs)

    return build


@later
def migrate_history() -> "type[MigrateHistory]":
    """``MigrateHistory``."""
    from application.conversations.migrate_history import MigrateHistory

    return MigrateHistory


@later
def show_conversation() -> "type[ShowConversation]":
    """``ShowConversation``."""
    from application.conversations.show_conversation import ShowConversation

    return ShowConversation


@later
def switch_hand_off() -> "type[SwitchHandOff]":
    """``SwitchHandOff``."""
    from application.conversations.switch_hand_off import SwitchHandOff

    return SwitchHandOff


@later
def drain_spool() -> "type[DrainSpool]":
    """``DrainSpool``."""
    from application.recovery.drain_spool import DrainSpool

    return DrainSpool


@later
def redrive_dead_letters() -> "type[RedriveDeadLetters]":
    """``RedriveDeadLetters``."""
    from application.recovery.redrive_dead_letters import RedriveDeadLetters

    return RedriveDeadLetters


@later
def redrive_unmatched() -> "type[RedriveUnmatched]":
    """``RedriveUnmatched``."""
    from application.recovery.redrive_unmatched import RedriveUnmatched

    return RedriveUnmatched


@later
def relay_outbox() -> "type[RelayOutbox]":
    """``RelayOutbox``."""
    from application.recovery.relay_outbox import RelayOutbox

    return RelayOutbox


@later
def erase_message() -> "Callable[..., EraseMessage]":
    """``EraseMessage``."""
    from entrypoints.composition.privacy import build_erase_message

    return build_erase_message


@later
def erase_person() -> "Callable[..., ErasePerson]":
    """``ErasePerson``."""
    from entrypoints.composition.privacy import build_erase_person

    return build_erase_person


@later
def purge_expired() -> "Callable[..., PurgeExpired]":
    """``PurgeExpired``."""
    from entrypoints.composition.privacy import build_purge_expired

    return build_purge_expired
