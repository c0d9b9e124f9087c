"""A curl command, as browsers, ngrok and webhook inspectors copy it. It is read, and never run.

https://curl.se/docs/manpage.html
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from application.ports.signature_doctor import Capture
from entrypoints.captures.requests import FORM, CaptureError, RecordedRequest
from entrypoints.captures.shell_words import MAX_PIECES, split_command

COMMAND = re.compile(r"\A\s*(?:[$#>%]\s+)?(?:[\w./\\-]*[/\\])?curl(?:\.exe)?\s")
_WINDOWS_CONTINUATION = re.compile(r"\^\r?\n")
_WINDOWS_ESCAPE = re.compile(r"\^(.)", re.S)
BOUNDARY = "------------------------0123456789abcdef"

_WITH_VALUE = frozenset(
    """
    --cacert --capath --cert --cert-type --ciphers --config --connect-timeout --connect-to
    --cookie-jar --dump-header --interface --key --limit-rate --max-filesize --max-redirs --max-time
    --netrc-file --noproxy --output --pass --preproxy --proto --proxy --proxy-header --proxy-user
    --range --resolve --retry --retry-delay --retry-max-time --socks5 --socks5-hostname --stderr
    --tls-max --trace --trace-ascii --unix-socket --upload-file --write-out --http2-settings
    """.split()  # noqa: SIM905 - a list of words is easier to read and to add to
)
"""Options of curl whose value is not part of the request."""

_SHORT = {
    "X": "--request", "H": "--header", "d": "--data", "F": "--form", "u": "--user", "G": "--get",
    "A": "--user-agent", "e": "--referer", "b": "--cookie", "I": "--head", "o": "--output",
    "m": "--max-time", "x": "--proxy", "w": "--write-out", "c": "--cookie-jar", "E": "--cert",
    "D": "--dump-header", "K": "--config", "U": "--proxy-user", "T": "--upload-file",
    "r": "--range", "C": "--continue-at", "y": "--speed-time", "Y": "--speed-limit",
    "z": "--time-cond", "t": "--telnet-option", "Q": "--quote", "P": "--ftp-port",
}  # fmt: skip
_SHORT_WITHOUT_VALUE = frozenset("GI")
_MORE_WITH_VALUE = frozenset(
    {_SHORT[one] for one in _SHORT if one not in "GIXHdFuAeb"} | _WITH_VALUE
)


@dataclass
class _Request:
    """What the options of a command make."""

    stdin: str | None
    body_file: bytes | None
    urls: list[str] = field(default_factory=list)
    method: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    parts: list[tuple[str, bytes]] = field(default_factory=list)
    in_query: list[str] = field(default_factory=list)
    content_type: str = FORM
    is_get: bool = False


def looks_like_curl(text: str) -> bool:
    """Whether ``text`` begins with a curl command."""
    return COMMAND.match(text) is not None


def read_curl(text: str, body_file: bytes | None = None) -> Capture:
    """The request of the command in ``text``. Raises ``CaptureError``.

    ``body_file`` is the content of the file that the command names for its body. No file is
    read here: who pastes a command must not choose one.
    """
    if _WINDOWS_CONTINUATION.search(text) or '^"' in text:
        if text.count("^") > MAX_PIECES:
            raise CaptureError(f"curl: the command has over {MAX_PIECES} escapes")
        text = _WINDOWS_ESCAPE.sub(r"\1", _WINDOWS_CONTINUATION.sub(" ", text))
    words, stdin = split_command(text.strip().lstrip("$#>% "))
    request = _Request(stdin, body_file)
    _read_options(words[1:], request)
    return _recorded(request).capture()


def _read_options(words: list[str], request: _Request) -> None:
    rest = iter(words)
    for word in rest:
        for name, value in _options_of(word, rest):
            _apply(name, value, request)


def _options_of(word: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The options in ``word``, each with its value, which may be the next word."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        if not equals and (name in _OPTIONS or name in _MORE_WITH_VALUE):
            value = _next(rest, name)
        yield name, value
    elif word.startswith("-") and len(word) > 1:
        for at, short in enumerate(word[1:], 2):
            name = _SHORT.get(short, f"-{short}")
            if short in _SHORT and short not in _SHORT_WITHOUT_VALUE:
                yield name, word[at:] or _next(rest, name)
                return
            yield name, ""
    else:
        yield "--url", word


def _next(rest: Iterator[str], name: str) -> str:
    value = next(rest, None)
    if value is None:
        raise CaptureError(f"curl: the option {name} has no value")
    return value


def _apply(name: str, value: str, request: _Request) -> None:
    if name == "--get":
        request.is_get = True
    elif name == "--head":
        request.method = "HEAD"
    elif name in _OPTIONS:
        _OPTIONS[name](request, value)


def _url(request: _Request, value: str) -> None:
    request.urls.append(value)


def _method(request: _Request, value: str) -> None:
    request.method = value


def _header(request: _Request, value: str) -> None:
    if value.startswith("@"):
        raise _missing_file("headers")
    name, colon, text = value.partition(":")
    if not colon:
        name, _, text = value.partition(";")
    request.headers.append((name.strip(), text.strip()))


def _named_header(header: str) -> "Callable[[_Request, str], None]":
    def apply(request: _Request, value: str) -> None:
        request.headers.append((header, value))

    return apply


def _user(request: _Request, value: str) -> None:
    encoded = base64.b64encode(_bytes(value)).decode()
    request.headers.append(("Authorization", f"Basic {encoded}"))


def _data(request: _Request, value: str) -> None:
    content = _content(request, value)
    if value.startswith("@"):
        content = content.replace(b"\r", b"").replace(b"\n", b"")
    request.data.append(content)


def _raw_data(request: _Request, value: str) -> None:
    request.data.append(_bytes(value))


def _binary_data(request: _Request, value: str) -> None:
    request.data.append(_content(request, value))


def _encoded_data(request: _Request, value: str) -> None:
    name, equals, text = value.partition("=")
    if not equals and "@" in value:
        name, _, path = value.partition("@")
        escaped = quote_plus(_content(request, f"@{path}"), safe="~")
    else:
        escaped = quote_plus(_bytes(text if equals else value), safe="~")
    start = f"{name}=" if name and (equals or "@" in value) else ""
    request.data.append(f"{start}{escaped.replace('+', '%20')}".encode())


def _json(request: _Request, value: str) -> None:
    request.content_type = "application/json"
    request.data.append(_content(request, value))


def _part(request: _Request, value: str) -> None:
    name, _, content = value.partition("=")
    if content.startswith(("@", "<")):
        request.parts.append((name, _content(request, f"@{content[1:]}")))
    else:
        request.parts.append((name, _bytes(content)))


def _text_part(request: _Request, value: str) -> None:
    name, _, content = value.partition("=")
    request.parts.append((name, _bytes(content)))


def _query(request: _Request, value: str) -> None:
    request.in_query.append(value)


_OPTIONS: dict[str, Callable[[_Request, str], None]] = {
    "--url": _url,
    "--request": _method,
    "--header": _header,
    "--user-agent": _named_header("User-Agent"),
    "--referer": _named_header("Referer"),
    "--cookie": _named_header("Cookie"),
    "--user": _user,
    "--data": _data,
    "--data-ascii": _data,
    "--data-raw": _raw_data,
    "--data-binary": _binary_data,
    "--data-urlencode": _encoded_data,
    "--json": _json,
    "--form": _part,
    "--form-string": _text_part,
    "--url-query": _query,
}


def _content(request: _Request, value: str) -> bytes:
    """What an option gives: its text, or what ``@-`` or ``@FILE`` stands for."""
    if not value.startswith("@"):
        return _bytes(value)
    if request.body_file is not None:
        return request.body_file
    if value == "@-" and request.stdin is not None:
        return _bytes(request.stdin)
    raise _missing_file("body")


def _missing_file(what: str) -> CaptureError:
    return CaptureError(
        f"curl: the command reads its {what} from a file or from standard input, which the "
        "capture has not" + ("; give that file with --body" if what == "body" else "")
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _recorded(request: _Request) -> RecordedRequest:
    if not request.urls:
        raise CaptureError("curl: the command has no URL")
    url = request.urls[0]
    body = b"&".join(request.data)
    if request.content_type != FORM:
        body = b"".join(request.data)
    queries = [*request.in_query, *([body.decode("latin-1")] if request.is_get and body else [])]
    for query in queries:
        url += f"{'&' if '?' in url else '?'}{query}"
    body = b"" if request.is_get else body
    headers = [*request.headers]
    has_type = any(name.lower() == "content-type" for name, _ in headers)
    if request.parts:
        body = _multipart(request.parts)
        headers += (
            [] if has_type else [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
        )
    elif request.data and not request.is_get and not has_type:
        headers.append(("Content-Type", request.content_type))
    method = request.method or ("POST" if body or request.parts or request.data else "GET")
    if request.is_get and request.method is None:
        method = "GET"
    if "://" not in url:
        url = f"http://{url}"
    flaw = "curl's -F has the fields and not the bytes of the body" if request.parts else None
    return RecordedRequest("curl", method, url, headers, body, flaw=flaw)


def _multipart(parts: list[tuple[str, bytes]]) -> bytes:
    lines = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in parts
    )
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
