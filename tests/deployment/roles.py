"""Roles that an operator makes beside the template, and what they may do."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.deployment.deployed import Deployed

ACCOUNT = "000000000000"
"""The account of the emulator."""

SERVER_ROLE = "frontdesk-ServerRole"
OPERATOR_ROLE = "frontdesk-OperatorRole"


def role_arn(name: str) -> str:
    """The ARN of a role in the emulator's account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def made_role(
    deployed: Deployed, name: str, statements: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Make a role with these permissions; the variables with which a process has it."""
    iam = deployed.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        ],
    }
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    session = deployed.client("sts").assume_role(RoleArn=role_arn(name), RoleSessionName="test")
    return {
        "AWS_ACCESS_KEY_ID": session["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["Credentials"]["SessionToken"],
    }
