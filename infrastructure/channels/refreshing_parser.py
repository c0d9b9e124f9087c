"""A webhook that does not verify may be signed with a secret that has just been changed."""

from typing import Generic, TypeVar

from typing_extensions import override

from application.ports.webhook_parser import (
    ParsedMessage,
    WebhookParser,
    WebhookRequest,
    WebhookResponse,
)
from domain.errors import ValidationError
from infrastructure.configuration.secrets.cached_value import CachedValue

Secrets = TypeVar("Secrets")


class RefreshingParser(WebhookParser, Generic[Secrets]):
    """Verifies once more, if there are other ``secrets`` than those that ``parser`` just used."""

    def __init__(self, parser: WebhookParser, secrets: CachedValue[Secrets]) -> None:
        self._parser = parser
        self._secrets = secrets
        self.max_body_bytes = parser.max_body_bytes

    @override
    def validate(self, request: WebhookRequest) -> str:
        used = self._secrets.current()
        try:
            return self._parser.validate(request)
        except ValidationError:
            if self._secrets.newer_than(used) is None:
                raise
        return self._parser.validate(request)

    @override
    def signed_content(self, request: WebhookRequest) -> bytes:
        return self._parser.signed_content(request)

    @override
    def parse(self, request: WebhookRequest, account: str) -> tuple[ParsedMessage, ...]:
        return self._parser.parse(request, account)

    @override
    def respond(self) -> WebhookResponse:
        return self._parser.respond()
