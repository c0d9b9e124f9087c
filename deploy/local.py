"""Deploy to an emulator of AWS on this machine, and say how to try it.

    python -m deploy.local --port 4566

The template is the one that goes to AWS, and so are its IAM policies; the function is packaged
for this Python. Nothing is left when it ends, but the folder that it names.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.emulator import emulated_aws
from deploy.environment import exports, stage_settings
from deploy.package import ROOT
from deploy.stack import TEMPLATE, deploy, stack_name, tenants_secret
from domain.channels import ChannelType
from entrypoints.simulation.demo import DEMO_RECIPIENTS, DEMO_SENDERS
from infrastructure.aws.clients import AwsClients
from infrastructure.configuration.secrets.development_secret import keep_development_credentials

STAGE = "local"
MAIL_KEY = "mail-key.pem"
TLS_ONLY = "NothingInTheClear"
"""The statement of the template's policies that refuses who comes without TLS."""
DEFAULT_FOLDER = ROOT / "build" / "local"
FRONTDESK = Path(sys.executable).with_name("frontdesk")


def invented_tenants(folder: Path) -> str:
    """One company with the demo's addresses, and the secrets of development.

    They are kept in ``folder``, and beside them the key that signs its mail.
    """
    credentials = keep_development_credentials(folder)
    pem = credentials.sendgrid_private_key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    key_file = folder / MAIL_KEY
    key_file.touch(mode=0o600)
    key_file.write_bytes(pem)
    tenant = {
        "company_id": "demo",
        "company_name": "Demo",
        "recipients": list(DEMO_RECIPIENTS.values()),
        "twilio": {
            "account_sid": credentials.twilio_account_sid,
            "auth_tokens": [credentials.twilio_auth_token],
        },
        "sendgrid": {
            "account": "demo-mail",
            "public_keys": [credentials.sendgrid_public_key],
        },
    }
    return json.dumps({"tenants": [tenant]})


def package(folder: Path) -> Path:
    """Package the function for this Python; the template beside it, as in the repository."""
    archive = folder / "build" / "frontdesk-lambda.zip"
    command = [sys.executable, "-m", "deploy.package", "--python", "current"]
    with (folder / "package.log").open("wb") as log:
        subprocess.run([*command, "--output", archive], cwd=ROOT, stdout=log, check=True)  # noqa: S603 - ours
    template = folder / "deploy" / "template.yaml"
    template.parent.mkdir(exist_ok=True)
    shutil.copy(TEMPLATE, template)
    return template


def parameters(origin: str) -> list[str]:
    """What differs from AWS.

    A domain of one's own makes the emulator's URLs as they are on AWS, without the id of the
    API in their path; its base path leaves everything else to the emulator. The accounts are
    invented, so no unknown sender gets a fallback. The emulator has no alarms on queries.
    """
    return [
        "WithAlarms=no",
        "UnknownSender=open",
        "DomainName=127.0.0.1",
        "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/nobodys",
        f"BasePath={STAGE}",
        f"PublicBaseUrl={origin}",
    ]


def open_demo_conversations(settings: Mapping[str, str]) -> str:
    """One for each channel; the id of the first."""
    command = [str(FRONTDESK), "demo", "--json"]
    environ = {**os.environ, **settings}
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ours
    first: str = json.loads(done.stdout.splitlines()[0])["conversation_id"]
    return first


def next_steps(origin: str, env_file: Path, conversation_id: str) -> str:
    """What to try, to be copied into another terminal."""
    urls = {channel: f"{origin}/{STAGE}/webhooks/{channel}" for channel in ChannelType}
    listed = "\n".join(f"  {url}" for url in urls.values())
    sends = "\n".join(
        f'  frontdesk send {channel} --from {DEMO_SENDERS[channel]} --body "Hello" --url {url}'
        for channel, url in urls.items()
    )
    return f"""
Deployed. The webhooks are at

{listed}

Try in another terminal:

  . .venv/bin/activate && . {os.path.relpath(env_file)}
{sends}
  frontdesk queues list
  frontdesk conversations show {conversation_id}
  frontdesk conversations hand-off {conversation_id} on

Ctrl-C ends the emulator, and everything in it is gone."""


@click.command(help=__doc__.partition("\n")[0])
@click.option("--port", default=4566, show_default=True, help="Of the emulator, on 127.0.0.1.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    help="For the package, the logs and the settings.  [default: build/local]",
)
@click.argument("overrides", metavar="[NAME=VALUE]...", nargs=-1)
def main(port: int, folder: Path, overrides: tuple[str, ...]) -> None:
    """Package, start the emulator, deploy to it, and wait for Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    _check_port(port)
    folder.mkdir(parents=True, exist_ok=True)
    click.echo("Packaging the function for this Python ...")
    template = package(folder)
    click.echo(f"Starting ministack on 127.0.0.1:{port}; its log is {folder / 'ministack.log'} ...")
    with emulated_aws(port, folder) as environ, suppress(KeyboardInterrupt):
        # From here on this process, and what it starts, knows no other AWS.
        os.environ.clear()
        os.environ.update(environ)
        _deploy(environ["AWS_ENDPOINT_URL"], folder, template, overrides)
        signal.pause()


def _check_port(port: int) -> None:
    """Another server that listens there could be taken for this one."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(f"port {port}: {error.strerror}: name another") from error


def _deploy(origin: str, folder: Path, template: Path, overrides: Sequence[str]) -> None:
    AwsClients().secrets_manager().create_secret(
        Name=tenants_secret(STAGE), SecretString=invented_tenants(folder)
    )
    click.echo(f"Deploying the stack {stack_name(STAGE)} with sam ...")
    if status := deploy(STAGE, [*parameters(origin), *overrides], template):
        raise SystemExit(status)
    settings = stage_settings(STAGE)
    _fit_policies(settings)
    settings["SENDGRID_PRIVATE_KEY_FILE"] = str((folder / MAIL_KEY).resolve())
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    env_file = folder / "local.env"
    env_file.write_text(exports({**aws, **settings}))
    click.echo(next_steps(origin, env_file, open_demo_conversations(settings)))


def _fit_policies(settings: Mapping[str, str]) -> None:
    """Change what the emulator does not take as AWS does."""
    AwsClients().s3().delete_bucket_policy(Bucket=settings["BLOBS_BUCKET"])
    sqs = AwsClients().sqs()
    sqs.meta.events.register("before-call.sqs", claim_tls)
    for url in sqs.list_queues()["QueueUrls"]:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        policy = _fitted_policy(found["Attributes"]["Policy"])
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def claim_tls(params: dict[str, Any], **_: object) -> None:
    """Come as through a proxy that ended TLS: policies that demand TLS let no other client in."""
    params["headers"]["X-Forwarded-Proto"] = "https"


def _fitted_policy(text: str) -> str:
    """A queue's policy for the emulator; nothing if no statement remains.

    The emulator has no TLS, which the policies demand. And it calls a function by a session of
    its role, not by the role.
    """
    policy = json.loads(text)
    policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != TLS_ONLY]
    by_session = r":sts::\1:assumed-role/\2/*"
    fitted = re.sub(r":iam::(\d+):role/([\w+=,.@-]+)", by_session, json.dumps(policy))
    return fitted if policy["Statement"] else ""


if __name__ == "__main__":
    main()
