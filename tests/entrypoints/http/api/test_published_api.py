"""The published description is the code's, and the server answers as it says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS

from domain.channels import ChannelType
from entrypoints.http.api.application import create_api, published
from entrypoints.http.webhooks.request_reader import is_of_application
from tests.entrypoints.http.api.clients import Api, running_locally

pytest_plugins = "schemathesis.pytest.plugin"

PUBLISHED = Path(__file__).parents[4] / "docs" / "openapi.json"
API = create_api(None)
FREE = ("conversation_id", "queue", "request_id", "dead_letter_id", "index", "subject")
PATHS = sorted(API.openapi()["paths"])


def test_published_description_is_that_of_the_code() -> None:
    """``python -m entrypoints.http.api.application > docs/openapi.json`` writes it again."""
    assert PUBLISHED.read_text("utf-8") == published()


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    operations = [one for path in API.openapi()["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert all(one["description"] for one in operations)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", ["sms", "EMAIL", "whatsapp", "webhooks", "a%2Fwebhooks%2Fsms"])
def test_no_path_of_the_api_is_taken_for_a_webhook(path: str, value: str) -> None:
    """Whatever ids are: also where one is the name of a channel, or of the webhooks' folder."""
    channels = [channel.value for channel in ChannelType]
    for channel in [value, *channels]:
        filled = path.replace("{channel}", channel)
        for name in FREE:
            filled = filled.replace(f"{{{name}}}", value)
        assert "{" not in filled
        assert all(is_of_application(filled, one) for one in ChannelType)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_locally(tmp_path_factory.mktemp("data")) as api:
        yield api


def test_server_publishes_the_same_description(api: Api) -> None:
    assert api.get("/v1/openapi.json") == API.openapi()


FRAMING = {"connection", "content-length", "expect", "transfer-encoding", "upgrade"}
SCHEMA = schemathesis.openapi.from_dict(API.openapi())
CHECKED = [
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance"),
]


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_server_answers_as_it_is_described(case: schemathesis.Case[Any], api: Api) -> None:
    """Schemathesis sends what the description allows, and much that it does not.

    The HTTP parser refuses a head that frames its message wrongly: it is no request of the API.
    """
    for name in FRAMING & {name.lower() for name in case.headers or ()}:
        del case.headers[name]
    case.call_and_validate(
        base_url=api.frontdesk.origin,
        headers={**api.headers, "content-type": "application/json"},
        checks=CHECKS.get_by_names(CHECKED),  # type: ignore[arg-type]  # of its own registry
    )
