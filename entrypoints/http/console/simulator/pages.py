"""The simulator: compose a webhook, post it as its provider does, and watch it travel."""

from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Annotated
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from application.conversations.search_conversations import ConversationFilter
from domain.channels import ChannelType
from domain.errors import TemporaryError
from entrypoints.composition.backends import secret_reader
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.container import Container
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.api.dependencies import TheContainer, TheOperations, of_no_company
from entrypoints.http.console.notices import Notice
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.posted_forms import PostedForm, ThePostedForm
from entrypoints.http.console.rendering import Page
from entrypoints.http.console.simulator import travel
from entrypoints.http.console.simulator.fields import (
    FILES_BYTES,
    Form,
    example_values,
    examples_of,
    field_of,
)
from entrypoints.http.console.simulator.reading import FormReader
from entrypoints.http.console.simulator.run import Run, own_origin, run
from entrypoints.simulation.demo import DEMO_SENDERS, open_demo
from entrypoints.simulation.messages import public_url
from infrastructure.channels.provider import SimulationError

router = APIRouter(prefix="/simulator", dependencies=[of_no_company])

THREADS = 2
"""Simulations wait on threads of their own, so that they hold up no other page."""

_DEMO = "The demo conversations are open: send something."
_WRONG = Notice("Nothing was sent: something in the form is wrong.", "bad")
_BUSY = "Another simulation is being sent. Try again in a moment."


@dataclass(frozen=True)
class Desk:
    """What simulations have for themselves. One is sent at a time."""

    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))
    sending: Lock = field(default_factory=Lock)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(_desk)]


@dataclass(frozen=True)
class Simulator:
    """Answers one request for the page."""

    page: Page
    container: Container
    operations: OperationsContainer

    def show(
        self,
        form: Form,
        sent: list[str],
        status: int = 200,
        *,
        done: Run | None = None,
        notice: Notice | None = None,
        example: str | None = None,
    ) -> Response:
        """The page, which follows what was ``sent`` at an address of its own."""
        address = f"/simulator?{urlencode({'channel': form.channel, 'sent': travel.written(sent)})}"
        # Later than the request came: its webhooks were recorded after that.
        now = self.container.clock()()
        followed = list(travel.follow(sent, self.operations.trace_message(), now))
        response = self.page(
            "simulator.html",
            status,
            now=now,
            address=address if sent else None,
            form=form,
            channels=list(ChannelType),
            examples=examples_of(form.channel),
            example=example,
            sent=travel.written(sent),
            followed=followed,
            states=travel.states(followed),
            is_demo_open=bool(sent) or self._is_demo_open(form.channel),
            run=done,
            notice=notice,
            files_bytes=FILES_BYTES,
        )
        if done is not None:
            response.headers["hx-replace-url"] = address
        return response

    def _is_demo_open(self, channel: ChannelType) -> bool:
        wanted = ConversationFilter(DEMO_SENDERS[channel], channel)
        try:
            return bool(self.operations.search_conversations()(wanted, 1).items)
        except TemporaryError:
            return True  # it is not known, and a webhook can be sent all the same: to the spool

    def open_demo(self, form: PostedForm) -> Response:
        """Open a conversation on each channel for the senders that stand in the forms."""
        open_demo(self.container.open_conversation())
        channel = _channel(form.text("channel"))
        empty = Form(channel, example_values(channel, ""), {})
        return self.show(empty, travel.read(form.fields.get("sent", "")), notice=Notice(_DEMO))

    def send(self, form: PostedForm, origin: str, desk: Desk) -> Response:
        """Send what the form says, and show what became of it."""
        channel = _channel(form.text("channel"))
        sent = travel.read(form.fields.get("sent", ""))
        settings = self.container.settings()
        url = f"{origin}/webhooks/{channel}"
        reader = FormReader(channel, form)
        message = reader.message(public_url(url, settings, channel))
        how, count = reader.how_often()
        shown = Form(channel, form.fields, reader.problems)
        if reader.problems:
            return self.show(shown, sent, 422, notice=_WRONG)
        try:
            make = PROVIDERS[channel]().simulation().webhooks(message, settings, secret_reader())
        except SimulationError as error:
            wrong = {field_of(error.option): str(error)}
            found_wrong = Form(channel, form.fields, wrong)
            return self.show(found_wrong, sent, 422, notice=Notice(str(error), "bad"))
        if not desk.sending.acquire(blocking=False):
            return self.show(shown, sent, 409, notice=Notice(_BUSY, "warn"))
        try:
            done = run(make, url, how, count)
        finally:
            desk.sending.release()
        notice = Notice(done.summary, "ok" if done.is_accepted else "warn")
        followed = travel.latest(done.message_ids, sent)
        return self.show(shown, followed, done=done, notice=notice)


def _simulator(page: ThePage, container: TheContainer, operations: TheOperations) -> Simulator:
    return Simulator(page, container, operations)


TheSimulator = Annotated[Simulator, Depends(_simulator)]


@router.get("")
def show_simulator(
    simulator: TheSimulator,
    *,
    channel: str = "",
    example: Annotated[str, Query(max_length=100)] = "",
    sent: Annotated[str, Query(max_length=30_000)] = "",
) -> Response:
    """The form with an example in it, and what was sent before."""
    on = _channel(channel) if channel else next(iter(ChannelType))
    form = Form(on, example_values(on, example), {})
    return simulator.show(form, travel.read(sent), example=example)


@router.post("")
async def simulate(
    request: Request, simulator: TheSimulator, form: ThePostedForm, desk: TheDesk
) -> Response:
    """Post a webhook, or several, to this server, as the provider would."""
    send = partial(simulator.send, form, own_origin(request.scope), desk)
    return await to_thread.run_sync(send, limiter=desk.threads)


@router.post("/demo")
def open_demo_conversations(simulator: TheSimulator, form: ThePostedForm) -> Response:
    """What `frontdesk demo` opens."""
    return simulator.open_demo(form)


def _channel(text: str) -> ChannelType:
    try:
        return ChannelType(text)
    except ValueError:
        raise ProblemError(404, "there is no such channel") from None
