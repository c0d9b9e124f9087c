"""A stage on an emulator, from outside: webhooks in, what is stored and routed out."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import urllib3
from botocore.session import get_session

from deploy.package import ROOT
from domain.addresses import ChannelType
from entrypoints.cli.demo import DEMO_RECIPIENTS, DEMO_SENDERS
from infrastructure.channels.sendgrid.simulator import SendgridSimulator, SimulatedFile
from infrastructure.channels.simulation import SimulatedRequest
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.secrets.development import DevelopmentCredentials, read_development_credentials
from tests.emulators import EmulatedAws

SCHEMA = json.loads((ROOT / "docs" / "context-object.schema.json").read_text("utf-8"))


@dataclass(frozen=True)
class Deployed:
    """``settings`` are those that were written for the shell, ``output`` what was printed."""

    folder: Path
    settings: dict[str, str]
    output: str

    @property
    def urls(self) -> dict[ChannelType, str]:
        """Where the printed lines say that the webhooks are."""
        printed = re.findall(r"^  (http\S+/webhooks/(\w+))$", self.output, re.M)
        return {ChannelType(channel): url for url, channel in printed}

    @cached_property
    def aws(self) -> EmulatedAws:
        """Clients of whoever owns the account."""
        return EmulatedAws(self.settings)

    def client(self, service: str) -> Any:
        """A client of a service that Frontdesk itself has no use for."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
                patch.setenv(name, self.settings[name])
            return get_session().create_client(
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
        tamper: bool = False,
        attachments: tuple[SimulatedFile, ...] = (),
    ) -> SimulatedRequest:
        """What the provider posts, signed for the URL that it is configured with."""
        url, recipient = self.urls[channel], DEMO_RECIPIENTS[channel]
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
        """What waits on a queue like ``SMS_REPLIES``, each one valid, and taken from it."""
        url = self.settings[f"{queue}_QUEUE_URL"]
        received = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages", [])
        contexts = []
        for message in received:
            self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            context = json.loads(message["Body"])
            jsonschema.validate(context, SCHEMA, format_checker=jsonschema.FormatChecker())
            contexts.append(context)
        return contexts

    def message_states(self) -> dict[str, str]:
        """How far each recorded message has come, by the text of it."""
        table = self.settings["MESSAGES_TABLE"]
        items = self.aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return {item["content"]["S"]: item["state"]["S"] for item in items}

    @contextmanager
    def without(self, sid: str) -> Iterator[None]:
        """Take one statement out of the function's policy for a while."""
        iam = self.client("iam")
        (role,) = [
            role["RoleName"]
            for role in iam.list_roles()["Roles"]
            if "IncomingWebhookHandlerRole" in role["RoleName"]
        ]
        policy = {"RoleName": role, "PolicyName": "webhooks"}
        document = iam.get_role_policy(**policy)["PolicyDocument"]
        kept = [statement for statement in document["Statement"] if statement["Sid"] != sid]
        assert len(kept) == len(document["Statement"]) - 1
        less = json.dumps({**document, "Statement": kept})
        iam.put_role_policy(**policy, PolicyDocument=less)
        try:
            yield
        finally:
            iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def post(
    request: SimulatedRequest, url: str | None = None, method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to ``request``."""
    with urllib3.PoolManager(retries=False, timeout=15) as pool:
        answer = pool.request(
            method, url or request.url, body=request.body, headers=request.headers
        )
    return answer.status, dict(answer.headers), answer.data
