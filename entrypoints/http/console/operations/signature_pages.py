"""Why is the signature of a captured request refused? The command's doctor as a form."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from threading import Lock

from fastapi import APIRouter
from starlette.responses import Response

from application.ports.signature_doctor import Diagnosis
from application.tracing.diagnose_signature import NoWebhookError
from entrypoints.captures.curl import looks_like_curl
from entrypoints.captures.reading import read_captures
from entrypoints.captures.requests import CaptureError
from entrypoints.checked_urls import checked_urls
from entrypoints.composition.container import Container
from entrypoints.composition.signature_doctors import build_diagnose_signature
from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import unavailable
from entrypoints.http.api.dependencies import TheCaller, TheContainer
from entrypoints.http.console.notices import Notice
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.places import SIGNATURE
from entrypoints.http.console.posted_forms import PostedForm, ThePostedForm
from entrypoints.http.console.words import capital
from infrastructure.channels.provider import read_http_url
from infrastructure.configuration.secrets.secret import Secret

router = APIRouter(prefix=SIGNATURE)

MOST_DIAGNOSES = 5
"""A capture of a browser may hold many requests, and one of them takes about a second."""

_ONE_AT_A_TIME = Lock()


@router.get("")
def show_signature_form(page: ThePage) -> Response:
    """The form."""
    return page("signature.html", capture="", url="", diagnoses=(), has_more=False, notice=None)


@router.post("")
def diagnose_signature(
    page: ThePage, form: ThePostedForm, container: TheContainer, caller: TheCaller
) -> Response:
    """What the doctor says of the capture in the form. Nothing is stored, sent or logged.

    The page has the capture again, and no secret.
    """
    found, problem = list[Diagnosis](), ""
    try:
        found = _diagnoses(form, container, caller)
    except (CaptureError, NoWebhookError) as error:
        problem = str(error)
    return page(
        "signature.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        capture=form.fields.get("capture", ""),
        url=form.text("url"),
        diagnoses=found[:MOST_DIAGNOSES],
        has_more=len(found) > MOST_DIAGNOSES,
        notice=Notice(f"{capital(problem)}.", "bad") if problem else None,
    )


def _diagnoses(form: PostedForm, container: Container, caller: Caller) -> list[Diagnosis]:
    """The first diagnoses, one more than are shown. Raises ``CaptureError`` for a wrong field."""
    url = _url(form)
    # What is configured may be another company's.
    settings = container.settings() if caller.token.companies is None else None
    diagnose = build_diagnose_signature(settings, checked_urls, _secrets(form), url)
    with _alone():
        captures = read_captures(_capture(form), form.file("body"))
        return list(islice(diagnose(captures), MOST_DIAGNOSES + 1))


def _url(form: PostedForm) -> str | None:
    try:
        return read_http_url(text) if (text := form.text("url")) else None
    except ValueError as error:
        raise CaptureError(str(error)) from None


def _capture(form: PostedForm) -> bytes:
    if content := form.file("file"):
        return content
    text = form.fields.get("capture", "")
    if looks_like_curl(text[:200]):
        # Browsers send each line break of a form as CR LF, and a shell's data has LF.
        text = text.replace("\r\n", "\n")
    return text.encode()


def _secrets(form: PostedForm) -> tuple[Secret, ...]:
    return tuple(Secret(part.strip()) for part in form.text("secrets").split(",") if part.strip())


@contextmanager
def _alone() -> Iterator[None]:
    """Thousands of signatures are computed: several at once would slow webhooks down."""
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise unavailable("another capture is being looked at: go back, and send it again")
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()
