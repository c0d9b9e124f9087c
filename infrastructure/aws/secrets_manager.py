"""Secrets in AWS Secrets Manager."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from domain.errors import SecretsUnavailableError
from infrastructure.aws.clients import error_code

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret_value(client: "SecretsManagerClient", name: str, key: str | None = None) -> str:
    """The present text of the secret ``name``, or what its JSON has under ``key``.

    Raises ``SecretsUnavailableError`` if Secrets Manager does not give it, and ``ValueError``
    if it is not what was asked for.
    """
    try:
        answer = client.get_secret_value(SecretId=name)
    except (ClientError, BotoCoreError) as error:
        raise SecretsUnavailableError(f"secret {name}: {error_code(error)}") from error
    text = answer.get("SecretString")
    if text is None:
        raise ValueError("the secret that it names is binary, expected text")
    if key is None:
        return text.strip()
    try:
        value = json.loads(text)[key]
    except (ValueError, LookupError, TypeError):
        # The error would show the secret.
        raise ValueError(f"the secret that it names is not JSON with the key {key}") from None
    if not isinstance(value, str):
        raise ValueError(f"the secret that it names has no text under the key {key}")  # noqa: TRY004 - a wrong value of a setting
    return value.strip()
