"""Deploy a stage: the packaged function, and everything that ``template.yaml`` has around it.

    python -m deploy.stack prod AlarmEmail=oncall@example.com

Credentials and region are those of the AWS SDK. Parameters of the template that are not given
stay as they were, or get their defaults the first time.
"""

import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from deploy.package import DEFAULT_OUTPUT, ROOT
from deploy.versions import delete_old_versions
from domain.errors import WebhookHandlerError
from entrypoints.composition.backends import secret_reader
from infrastructure.configuration.provider_accounts import read_provider_accounts
from infrastructure.configuration.settings import SettingsError, read_settings

SAM = ROOT / ".venv-sam" / "bin" / "sam"
TEMPLATE = ROOT / "deploy" / "template.yaml"

_HINTS = {
    "ResourceNotFoundException": (
        "make it with 'aws secretsmanager create-secret --name {secret} "
        "--secret-string file://tenants.json' (docs/operations.md)"
    ),
    "NoCredentialsError": "there are no AWS credentials: run 'aws configure', or set AWS_PROFILE",
    "NoRegionError": "there is no AWS region: set AWS_DEFAULT_REGION",
    "AccessDeniedException": "the deploying role needs secretsmanager:GetSecretValue on it",
    "ExpiredTokenException": "the AWS credentials have expired: log in again",
}


def stack_name(stage: str) -> str:
    """What the stage is called in CloudFormation."""
    return f"frontdesk-{stage}"


def webhook_function(stage: str) -> str:
    """The name of the function that the stage's API calls."""
    return f"{stack_name(stage)}-IncomingWebhookHandler"


def tenants_secret(stage: str) -> str:
    """The secret with the tenants of a stage, as the template names it."""
    return f"frontdesk/{stage}/tenants"


def check_tenants(stage: str) -> None:
    """Raise a ``ClickException`` unless the stage's tenants can be read and are valid.

    The function reads them while its version is published: there the error would be obscure.
    """
    secret = tenants_secret(stage)
    try:
        settings = read_settings({"TENANTS": f"secretsmanager:{secret}"})
        read_provider_accounts(settings, secret_reader())
    except SettingsError as error:
        problems = "; ".join(error.problems)
        raise click.ClickException(f"the secret {secret} is not valid: {problems}") from error
    except WebhookHandlerError as error:
        reason = str(error)
        hint = next((hint for code, hint in _HINTS.items() if code in reason), "check the network")
        raise click.ClickException(f"{reason}: {hint.format(secret=secret)}") from error


def deploy(
    stage: str,
    parameters: Sequence[str] = (),
    template: Path = TEMPLATE,
) -> int:
    """Create or update the stage's stack, and return the status of ``sam``, which tells itself."""
    command = [str(SAM), "deploy", "--stack-name", stack_name(stage)]
    command += ["--template-file", str(template)]
    command += ["--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    command += ["--parameter-overrides", f"Stage={stage}", f"Release={uuid.uuid4().hex[:10]}"]
    command += parameters
    environ = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "2", **os.environ}
    return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - ours


@click.command(help=__doc__.partition("\n")[0])
@click.argument("stage")
@click.argument("parameters", metavar="[NAME=VALUE]...", nargs=-1)
def main(stage: str, parameters: tuple[str, ...]) -> None:
    """Check what can be checked before, then deploy."""
    if not DEFAULT_OUTPUT.exists():
        raise click.ClickException(f"{DEFAULT_OUTPUT} is missing: run 'make package'")
    check_tenants(stage)
    if status := deploy(stage, parameters):
        raise SystemExit(status)
    _tidy_up(stage)


def _tidy_up(stage: str) -> None:
    """The stage is deployed, whatever becomes of its old versions."""
    try:
        deleted = delete_old_versions(webhook_function(stage))
    except (BotoCoreError, ClientError) as error:
        click.echo(f"old versions of the function were not deleted: {error}", err=True)
    else:
        click.echo(f"old versions of the function deleted: {', '.join(deleted) or 'none'}")


if __name__ == "__main__":
    main()
