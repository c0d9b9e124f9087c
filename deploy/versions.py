"""Delete old versions of a stage's function: each costs its snapshot for as long as it exists."""

from typing import Any

from boto3.session import Session

ALIAS = "live"
EARLIER_VERSIONS = 1
"""How many versions before the live one stay, so that an operator can go back to them."""


def delete_old_versions(function: str) -> list[str]:
    """Delete the published versions of ``function`` that nothing uses; their numbers.

    The live version stays, and the ``EARLIER_VERSIONS`` before it. While traffic shifts, two
    versions are live. Raises what boto3 raises.
    """
    client: Any = Session().client("lambda")  # typed for the services of Frontdesk alone
    alias = client.get_alias(FunctionName=function, Name=ALIAS)
    weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    live = {int(alias["FunctionVersion"]), *map(int, weights)}
    published = _published(client, function)
    earlier = [number for number in published if number < min(live)][-EARLIER_VERSIONS:]
    old = [str(number) for number in published if number not in {*live, *earlier}]
    for version in old:
        client.delete_function(FunctionName=function, Qualifier=version)
    return old


def _published(client: Any, function: str) -> list[int]:  # noqa: ANN401 - see above
    """The numbers of the versions, the oldest first."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    names = [version["Version"] for page in pages for version in page["Versions"]]
    return sorted(int(name) for name in names if name != "$LATEST")
