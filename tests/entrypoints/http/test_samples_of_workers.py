"""The workers of a server keep one history."""

from pathlib import Path

from application.clock import utc_now
from application.overview.sampled_numbers import NAMES, received
from domain.channels import ChannelType
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.filesystem.sample_file import FileSampleHistory
from tests.end_to_end.providers import Providers
from tests.faults.posting import post_all
from tests.processes import SERVE, environment, killed_server

WORKERS = (*SERVE, "--workers", "2")
EMAIL = ChannelType.EMAIL
UNMATCHED = received(EMAIL, "unmatched")


def test_what_workers_counted_together_is_there_after_their_end(tmp_path: Path) -> None:
    begun_at = utc_now()
    with killed_server(environment(tmp_path), WORKERS) as server:
        providers = Providers.of(keep_development_credentials(tmp_path))
        url = f"{server.origin}/webhooks/{EMAIL}"
        webhooks = [(server.origin, providers.webhook(url, EMAIL)) for _ in range(8)]
        assert [status for status, _ in post_all(webhooks, 8)] == [200] * 8
        server.terminate()
        assert server.wait() == 0
    history = FileSampleHistory(tmp_path / "samples", NAMES, utc_now)
    samples = history.since(begun_at)
    (started_at,) = {sample.started_at for sample in samples}  # both say the same
    assert begun_at < started_at < samples[0].at
    assert samples[-1].numbers[NAMES.index(UNMATCHED)] == 8
