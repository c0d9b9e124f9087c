"""What the package holds of other distributions: everything that the functions need, by name.

A distribution that is not here is not installed, a file that no pattern names is not packed.
The test of the package runs everything from it, and finds what is missing and what is unneeded.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

_SERVICE = ("endpoint-rule-set-1.json*", "service-2*.json*")
_SERVICES = {
    "dynamodb": _SERVICE,
    "sqs": _SERVICE,
    "s3": (*_SERVICE, "paginators-1*.json*"),
    "secretsmanager": _SERVICE,
}
AWS_SERVICES = frozenset(_SERVICES)


def _modules(*folders: str) -> tuple[str, ...]:
    """The modules in each folder, and not those in folders of it."""
    return tuple(f"{folder}/*.py" for folder in folders)


CONTENTS: Mapping[str, tuple[str, ...]] = {
    "annotated-types": _modules("annotated_types"),
    "boto3": _modules("boto3", "boto3/docs", "boto3/resources", "boto3/s3"),
    "botocore": (
        *_modules("botocore", "botocore/crt", "botocore/docs", "botocore/docs/bcdoc"),
        *_modules("botocore/retries", "botocore/vendored", "botocore/vendored/requests"),
        *_modules("botocore/vendored/requests/packages"),
        *_modules("botocore/vendored/requests/packages/urllib3"),
        "botocore/data/endpoints.json*",
        "botocore/data/partitions.json*",
        "botocore/data/sdk-default-configuration.json*",
        *(f"botocore/data/{name}/*/{file}" for name in _SERVICES for file in _SERVICES[name]),
    ),
    "certifi": (*_modules("certifi"), "certifi/cacert.pem"),
    "cffi": ("_cffi_backend*.so",),
    "charset-normalizer": (*_modules("charset_normalizer"), "charset_normalizer/*.so"),
    "cryptography": (
        *_modules("cryptography", "cryptography/hazmat", "cryptography/hazmat/bindings"),
        *_modules("cryptography/hazmat/backends", "cryptography/hazmat/backends/openssl"),
        *_modules("cryptography/hazmat/bindings/openssl", "cryptography/hazmat/decrepit"),
        *_modules("cryptography/hazmat/decrepit/ciphers", "cryptography/hazmat/primitives"),
        *_modules("cryptography/hazmat/primitives/asymmetric"),
        *_modules("cryptography/hazmat/primitives/ciphers"),
        *_modules("cryptography/hazmat/primitives/serialization"),
        "cryptography/hazmat/bindings/_rust*.so",
    ),
    "dependency-injector": (*_modules("dependency_injector"), "dependency_injector/*.so"),
    "filelock": _modules("filelock"),
    "idna": _modules("idna"),
    "inscriptis": _modules(
        *("inscriptis", "inscriptis/annotation", "inscriptis/model"),
        *("inscriptis/model/canvas", "inscriptis/model/tag"),
    ),
    "jmespath": _modules("jmespath"),
    "lxml": ("lxml/__init__.py", "lxml/etree*.so", "lxml/_elementpath*.so", *_modules("lxml/html")),
    "multipart": ("multipart.py",),
    "pydantic": _modules("pydantic", "pydantic/_internal", "pydantic/plugin"),
    "pydantic-core": (*_modules("pydantic_core"), "pydantic_core/*.so"),
    "python-dateutil": _modules("dateutil", "dateutil/parser", "dateutil/tz"),
    "requests": _modules("requests"),
    "requests-file": _modules("requests_file"),
    "s3transfer": _modules("s3transfer"),
    "six": ("six.py",),
    "tldextract": (*_modules("tldextract"), "tldextract/.tld_set_snapshot"),
    "twilio": ("twilio/__init__.py", "twilio/request_validator.py"),
    "typing-extensions": ("typing_extensions.py",),
    "typing-inspection": _modules("typing_inspection"),
    "urllib3": _modules("urllib3", "urllib3/contrib", "urllib3/http2", "urllib3/util"),
    "webencodings": _modules("webencodings"),
}
"""Each distribution, and the files of it."""


def metadata_of(distribution: str) -> str:
    """The file that tells scanners for vulnerabilities its version."""
    return f"{distribution.replace('-', '_')}-*.dist-info/METADATA"


def pick(site: Path, target: Path) -> None:
    """Copy what the package holds from the packages in ``site``. Raises for what is not there."""
    for distribution, patterns in CONTENTS.items():
        for pattern in (*patterns, metadata_of(distribution)):
            paths = [*site.glob(pattern)]
            if not paths:
                raise FileNotFoundError(f"{distribution} has no {pattern}")
            for path in paths:
                copy = target / path.relative_to(site)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)


def unlisted(target: Path) -> Iterator[str]:
    """The files in ``target`` that nothing here names."""
    patterns = [*(pattern for listed in CONTENTS.values() for pattern in listed)]
    patterns += map(metadata_of, CONTENTS)
    listed = {path for pattern in patterns for path in target.glob(pattern)}
    for path in target.rglob("*"):
        if path.is_file() and path not in listed and path.parent.name != "__pycache__":
            yield path.relative_to(target).as_posix()
