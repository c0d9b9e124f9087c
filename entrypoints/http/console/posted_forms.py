"""The forms of our own pages."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Annotated
from urllib.parse import parse_qsl

import multipart  # type: ignore[import-untyped]  # the package has no type information
from anyio import to_thread
from fastapi import Depends, Request

from entrypoints.http.access.access import matches
from entrypoints.http.access.bounded import BODY_BYTES
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.access.request_heads import header, media_type
from entrypoints.http.api.dependencies import TheCaller

MOST_FIELDS = 100
CSRF_FIELD = "csrf_token"


@dataclass(frozen=True, slots=True)
class PostedFile:
    """A file that was chosen in the field ``field_name`` of a form."""

    field_name: str
    filename: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PostedForm:
    """What a form held, by the names of its fields."""

    fields: dict[str, str]
    files: tuple[PostedFile, ...] = ()

    def text(self, name: str) -> str:
        """What stands in a field, without blanks around it; empty if there is no such field."""
        return self.fields.get(name, "").strip()

    def file(self, name: str) -> bytes | None:
        """The content of the file that was chosen in a field; ``None`` without one."""
        return next((one.content for one in self.files if one.field_name == name), None)


async def _posted_form(request: Request, caller: TheCaller) -> PostedForm | None:
    """The form of a change. Raises ``ProblemError``: 413, 415, 422, or 403 of another session."""
    if request.method != "POST":
        return None
    # On a thread: the loop answers webhooks, too, and a large form takes longer than one of them.
    form = await to_thread.run_sync(_read, request, await request.body())
    session = caller.session
    given = header(request.scope, "x-csrf-token") or form.fields.get(CSRF_FIELD)
    if session is None or not matches(session, given):
        raise ProblemError(403, "the page is of an earlier session: load it again")
    return form


def _read(request: Request, body: bytes) -> PostedForm:
    try:
        match media_type(request.scope):
            case "application/x-www-form-urlencoded":
                # The attack: megabytes of escapes, which take seconds. Our large forms have parts.
                if len(body) > BODY_BYTES:
                    raise ProblemError(413, f"a form without parts is over {BODY_BYTES} bytes")
                pairs = parse_qsl(
                    body.decode(),
                    keep_blank_values=True,
                    max_num_fields=MOST_FIELDS,
                    encoding="utf-8",
                    errors="strict",
                )
                return PostedForm(dict(pairs))
            case "multipart/form-data":
                return _multipart(header(request.scope, "content-type") or "", body)
    except (ValueError, multipart.MultipartError):
        raise ProblemError(422, "the form cannot be read") from None
    raise ProblemError(415, "this is no form of ours")


def _multipart(content_type: str, body: bytes) -> PostedForm:
    _, options = multipart.parse_options_header(content_type)
    parser = multipart.MultipartParser(
        BytesIO(body),
        options.get("boundary", ""),
        content_length=len(body),
        # Nothing of it is written to disk, not even to a temporary file.
        spool_limit=len(body) + 1,
        memory_limit=len(body) + 1,
        part_limit=MOST_FIELDS,
    )
    fields: dict[str, str] = {}
    files: list[PostedFile] = []
    for part in parser.parts():
        if part.filename is None:
            # Browsers send UTF-8. A charset that is named may be none, or a slow codec of Python.
            fields[part.name] = part.raw.decode()
        elif part.filename or part.size:
            files.append(PostedFile(part.name, part.filename, part.content_type, part.raw))
    return PostedForm(fields, tuple(files))


posted_form = Depends(_posted_form)
"""A dependency of the whole console: so no change is made without it."""

ThePostedForm = Annotated[PostedForm, posted_form]
"""The form that a browser posted."""
