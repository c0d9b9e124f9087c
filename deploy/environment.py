"""The settings of a deployed stage, for the ``frontdesk`` command.

python -m deploy.environment prod > prod.env && . ./prod.env
"""

import shlex
from collections.abc import Mapping
from typing import Any

import click
from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError

from deploy.stack import webhook_function


def stage_settings(stage: str) -> dict[str, str]:
    """What the stage's function has in its environment."""
    client: Any = Session().client("lambda")
    configuration = client.get_function_configuration(FunctionName=webhook_function(stage))
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return {name: value for name, value in variables.items() if value}


def exports(settings: Mapping[str, str]) -> str:
    """``settings`` as lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


@click.command(help=__doc__.partition("\n")[0])
@click.argument("stage")
def main(stage: str) -> None:
    """Print the settings as lines for a shell."""
    try:
        click.echo(exports(stage_settings(stage)), nl=False)
    except (BotoCoreError, ClientError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
