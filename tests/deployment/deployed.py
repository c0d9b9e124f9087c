"""A deployed stage on an emulator: webhooks for it, and access to stored and routed data."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import jsonschema
import pytest
import urllib3
from boto3.session import Session

from deploy.local import STAGE
from deploy.package import ROOT
from deploy.stack import stack_name
from domain.channels import ChannelType
from domain.times import rfc3339
from entrypoints.simulation.demo import DEMO_RECIPIENTS, DEMO_SENDERS
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.secrets.development_secret import (
    DevelopmentCredentials,
    read_development_credentials,
)
from tests.emulators import EmulatedAws

STACK = stack_name(STAGE)
Found = TypeVar("Found")
SCHEMA = json.loads((ROOT / "docs" / "context-object.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


@dataclass(frozen=True)
class Deployed:
    """``settings`` are those exported for the shell, ``output`` is the deployment's output."""

    folder: Path
    settings: dict[str, str]
    output: str

    @property
    def urls(self) -> dict[ChannelType, str]:
        """The webhook URLs that the deployment printed."""
        printed = re.findall(r"^  (http\S+/webhooks/(\w+))$", self.output, re.M)
        return {ChannelType(channel): url for url, channel in printed}

    @cached_property
    def aws(self) -> EmulatedAws:
        """Clients of the account owner."""
        return EmulatedAws(self.settings)

    def client(self, service: str) -> Any:
        """A client of an AWS service that Frontdesk itself does not use."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                patch.setenv(name, self.settings[name])
            session: Any = Session()  # typed for known services alone
            return session.client(
                service,
                endpoint_url=self.settings["AWS_ENDPOINT_URL"],
                region_name=self.settings["AWS_DEFAULT_REGION"],
                aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            )

    @cached_property
    def _credentials(self) -> DevelopmentCredentials:
        return read_development_credentials(self.folder)

    def webhook(
        self,
        channel: ChannelType,
        *,
        body: str = "Is my order on its way?",
        sender: str | None = None,
        recipient: str | None = None,
        tamper: bool = False,
        attachments: tuple[SimulatedFile, ...] = (),
        origin: str | None = None,
    ) -> SimulatedRequest:
        """The webhook that the provider posts, signed for its configured URL.

        With ``origin``, that is a server there, and not the API.
        """
        url = f"{origin}/webhooks/{channel}" if origin else self.urls[channel]
        recipient = recipient or DEMO_RECIPIENTS[channel]
        sender = sender or DEMO_SENDERS[channel]
        if channel is ChannelType.EMAIL:
            return SendgridSimulator(self._credentials.sendgrid_private_key).request(
                url,
                sender=sender,
                recipient=recipient,
                subject="My order",
                text=body,
                now=datetime.now(UTC),
                attachments=attachments,
                tamper=tamper,
            )
        account = self._credentials
        return TwilioSimulator(account.twilio_account_sid, account.twilio_auth_token).request(
            url, channel, sender=sender, recipient=recipient, body=body, tamper=tamper
        )

    def contexts(self, queue: str) -> list[dict[str, Any]]:
        """Receive, validate and delete the contexts on a queue like ``SMS_REPLIES``."""
        url = self.settings[f"{queue}_QUEUE_URL"]
        received = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages", [])
        contexts = []
        for message in received:
            self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            context = json.loads(message["Body"])
            VALIDATOR.validate(context)
            contexts.append(context)
        return contexts

    def items(self, table: str) -> list[Any]:
        """The items of a table like ``MESSAGES``."""
        found = self.aws.dynamodb.get_paginator("scan").paginate(
            TableName=self.settings[f"{table}_TABLE"], ConsistentRead=True
        )
        return [item for page in found for item in page["Items"]]

    def message_item(self, text: str) -> Any:
        """The item of the one message whose text begins like this."""
        (item,) = (i for i in self._messages() if i["content"]["S"].startswith(text))
        return item

    def message_states(self) -> dict[str, str]:
        """The state of each message that is not erased, by its text."""
        return {item["content"]["S"]: item["state"]["S"] for item in self._messages()}

    def message_state(self, text: str) -> str | None:
        """The state of the message with this text; ``None`` if it is not recorded."""
        return self.message_states().get(text)

    def _messages(self) -> list[Any]:
        return [item for item in self.items("MESSAGES") if {"content", "state"} <= item.keys()]

    def spooled(self) -> int:
        """The number of webhooks in the spool, including those in progress."""
        attributes = self.aws.sqs.get_queue_attributes(
            QueueUrl=self.settings["SPOOL_QUEUE_URL"],
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        return sum(map(int, attributes.values()))

    @contextmanager
    def spool_function_disabled(self) -> Iterator[None]:
        """Disable the spool function, so that spooled webhooks stay until the end."""
        functions = self.client("lambda")
        (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def log(self, function: str) -> str:
        """Everything that a function has logged."""
        group = f"/aws/cloudformation/{STACK}/{function}LogGroup"
        events = self.client("logs").filter_log_events(logGroupName=group)["events"]
        return "".join(event["message"] for event in events)

    def relay(self) -> str | None:
        """Call the relay as its schedule does; return the kind of its error, if any."""
        return self._called("RelayOutbox")

    def purge(self) -> str | None:
        """Call the purge as its schedule does; return the kind of its error, if any."""
        return self._called("Purge")

    def _called(self, function: str) -> str | None:
        response = self.client("lambda").invoke(FunctionName=f"{STACK}-{function}", Payload=b"{}")
        return str(response["FunctionError"]) if "FunctionError" in response else None

    def make_due(self, text: str) -> None:
        """Set the times of a pending message to a minute ago, so that it is due."""
        earlier = rfc3339(datetime.now(UTC) - timedelta(minutes=1))
        self.aws.dynamodb.update_item(
            TableName=self.settings["MESSAGES_TABLE"],
            Key={"request_id": self.message_item(text)["request_id"]},
            UpdateExpression="SET recorded_at = :earlier, work_since = :earlier REMOVE lease_until",
            ExpressionAttributeValues={":earlier": {"S": earlier}},
        )

    def restart(self, function: str) -> None:
        """Start the function anew at its next invocation."""
        functions, name = self.client("lambda"), f"{STACK}-{function}"
        memory = functions.get_function_configuration(FunctionName=name)["MemorySize"]
        functions.update_function_configuration(FunctionName=name, MemorySize=memory)

    @contextmanager
    def without(self, *sids: str, function: str = "") -> Iterator[None]:
        """Remove statements from the policies of ``function``, or of all, for the block."""
        iam = self.client("iam")
        documents = {
            (role["RoleName"], policy): document
            for role in iam.list_roles()["Roles"]
            if f"{function}Role" in role["RoleName"]
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            for document in [
                iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
            ]
        }
        present = {s["Sid"] for found in documents.values() for s in found["Statement"]}
        assert {*sids} <= present
        try:
            for name, document in documents.items():
                remaining = [one for one in document["Statement"] if one["Sid"] not in sids]
                _put_policy(iam, name, {**document, "Statement": remaining})
            yield
        finally:
            for name, document in documents.items():
                _put_policy(iam, name, document)


def _put_policy(iam: Any, name: tuple[str, str], document: dict[str, Any]) -> None:
    role, policy = name
    text = json.dumps(document)
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text)


def eventually(found: Callable[[], Found | None], seconds: float = 20.0) -> Found:
    """Wait until ``found`` returns a true value, and return it."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "nothing came in time"
        time.sleep(0.1)
    return result


def post(
    request: SimulatedRequest, url: str | None = None, method: str = "POST"
) -> tuple[int, Mapping[str, str], bytes]:
    """Post ``request``; return status, headers and body of the response."""
    with urllib3.PoolManager(retries=False, timeout=15) as pool:
        response = pool.request(
            method, url or request.url, body=request.body, headers=request.headers
        )
    return response.status, response.headers, response.data
