"""What botocore reads anew for each session: the descriptions of services. Here all share it."""

from functools import cache

import botocore.session
from botocore.loaders import create_loader

NO_OTHER_FOLDER = None


def share_descriptions() -> None:
    """Let all sessions of this process have one loader: it keeps what it has read."""
    botocore.session.create_loader = cache(create_loader)


def read_descriptions() -> None:
    """Read what clients of Frontdesk need, once they are shared."""
    loader = botocore.session.create_loader(NO_OTHER_FOLDER)
    for service in ("dynamodb", "s3", "secretsmanager", "sqs"):
        for description in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, description)
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
