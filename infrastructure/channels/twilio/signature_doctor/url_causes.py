"""How a signed URL differs from those that Frontdesk checks."""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qsl

from application.ports.signature_doctor import Cause
from infrastructure.channels.twilio.signature_doctor.url_variations import Url


def nearest(signed: str, tried: Iterable[str]) -> Url:
    """The URL of ``tried`` that differs from ``signed`` in the fewest parts, with its port."""
    return min(map(Url.parse, tried), key=lambda url: (len(url_causes(signed, url)), not url.port))


def url_causes(signed: str, tried: Url) -> tuple[Cause, ...]:
    """The parts in which ``signed`` differs from ``tried``; none if they are the same.

    With and without the default port are the same: Twilio signs either, and both are tried.
    """
    url = Url.parse(signed).without_default_port
    causes = []
    if url.scheme != tried.scheme:
        causes.append(Cause.SCHEME)
    if url.host != tried.host:
        causes.append(Cause.HOST)
    # Without its port a URL is tried always.
    if url.port not in {"", tried.port}:
        causes.append(Cause.PORT)
    return (*causes, *_path_causes(url.path, tried.path), *_query_causes(url.query, tried.query))


def _path_causes(signed: str, tried: str) -> tuple[Cause, ...]:
    if signed == tried:
        return ()
    bare, other = signed.rstrip("/"), tried.rstrip("/")
    slash = () if signed.endswith("/") == tried.endswith("/") else (Cause.TRAILING_SLASH,)
    if bare == other and slash:
        return slash
    if bare.endswith(other) and bare != other:
        return (Cause.PATH_PREFIX_REMOVED, *slash)
    if other.endswith(bare) and bare != other:
        return (Cause.PATH_PREFIX_ADDED, *slash)
    return (Cause.PATH,)


def _query_causes(signed: str, tried: str) -> tuple[Cause, ...]:
    if signed == tried:
        return ()
    if not signed or not tried:
        return (Cause.QUERY_DROPPED if signed else Cause.QUERY_ADDED,)
    ours, theirs = (parse_qsl(one[1:], keep_blank_values=True) for one in (signed, tried))
    if ours == theirs:
        return (Cause.QUERY_SPELLING,)
    if sorted(ours) == sorted(theirs):
        return (Cause.QUERY_ORDER,)
    if Counter(ours) <= Counter(theirs):
        return (Cause.QUERY_ADDED,)
    return (Cause.QUERY_DROPPED if Counter(ours) >= Counter(theirs) else Cause.QUERY,)
