"""``frontdesk serve``: the HTTP server."""

import click

from entrypoints.cli.terminal.commands import Command, examples


@click.command(
    cls=Command,
    epilog=examples(
        "frontdesk serve",
        "PUBLIC_BASE_URL=https://hooks.example.com frontdesk serve --port 8080",
        "frontdesk serve --workers 2",
        "frontdesk serve --ephemeral",
    ),
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="0 takes any free one.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, help="Processes that share all limits."
)
@click.option("--ephemeral", is_flag=True, help="Keep everything in memory, lost at the end.")
def serve(*, host: str, port: int, workers: int, ephemeral: bool) -> None:
    """Receive webhooks over HTTP until interrupted.

    The providers post to /webhooks/whatsapp, /webhooks/sms and /webhooks/email. Data is kept
    in DATA_DIR (default .frontdesk/).
    """
    if ephemeral and workers > 1:
        raise click.UsageError("--ephemeral takes one worker: processes share no memory")

    from entrypoints.http.server import run

    run(host, port, ephemeral=ephemeral, workers=workers)
