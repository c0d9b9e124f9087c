"""Where secrets are read from that a setting only refers to."""

from functools import partial

from infrastructure.configuration.secrets.secret_references import ReadNamedSecret, SecretReader


def secret_reader() -> SecretReader:
    """Reads files and AWS Secrets Manager, whose SDK is loaded with the first that needs it."""
    return SecretReader(_open_secrets_manager)


def _open_secrets_manager() -> ReadNamedSecret:
    try:
        from infrastructure.aws.clients import AwsClients
        from infrastructure.aws.secrets_manager import read_secret_value
    except ModuleNotFoundError as error:
        raise ValueError("needs the AWS SDK: pip install 'frontdesk[aws]'") from error
    return partial(read_secret_value, AwsClients().secrets_manager())
