"""What botocore reads anew for each session: the descriptions of services. Here they are kept."""

from typing import Any, ClassVar

from botocore.loaders import JSONFileLoader, Loader
from typing_extensions import override


class _KeptFiles(JSONFileLoader):
    _kept: ClassVar[dict[str, Any]] = {}

    @override
    def load_file(self, file_path: str) -> Any:
        if file_path not in self._kept:
            self._kept[file_path] = super().load_file(file_path)
        return self._kept[file_path]


def keep_descriptions() -> None:
    """Read no description twice in this process."""
    Loader.FILE_LOADER_CLASS = _KeptFiles


def read_descriptions() -> None:
    """Read what clients of Frontdesk need."""
    loader = Loader()
    for service in ("dynamodb", "s3", "secretsmanager", "sqs"):
        for description in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, description)
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
