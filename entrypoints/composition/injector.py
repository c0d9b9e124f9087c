"""dependency-injector, without what it imports for features that nothing here uses.

It imports web frameworks and pydantic whenever they are installed, which doubles the start of
every process. While it is imported they are not found.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from typing_extensions import override

_UNUSED = frozenset(
    {"fast_depends", "fastapi", "pydantic", "pydantic_settings", "starlette", "werkzeug", "yaml"}
)


class _NotFound(MetaPathFinder):
    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _UNUSED:
            raise ModuleNotFoundError(fullname, name=fullname)
        return None


@contextmanager
def _hidden() -> Iterator[None]:
    finder = _NotFound()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


with _hidden():
    from dependency_injector import containers, providers

__all__ = ["FlatContainer", "containers", "providers"]


class FlatContainer(containers.DynamicContainer):
    """What a container becomes that holds no other container, and whose resources have names.

    For both the library would look at every argument of every provider, which takes as long as
    all else that it does. A container says so with ``instance_type``.
    """

    @override
    def apply_container_providers_overridings(self) -> None:
        pass

    @override
    def shutdown_resources(
        self, resource_type: type[providers.BaseResource[Any]] = providers.BaseResource
    ) -> None:
        for provider in self.providers.values():
            if isinstance(provider, resource_type):
                provider.shutdown()
