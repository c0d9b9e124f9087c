"""The template after its translation by SAM, as CloudFormation receives it."""

import json
import os
import subprocess
from functools import cache
from typing import Any

from deploy.stack import SAM, TEMPLATE
from tests.emulators import OFFLINE_AWS

FUNCTIONS = ("IncomingWebhookHandler", "DrainSpool", "RelayOutbox", "Purge")

_TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoManagedPolicies:
    def load(self):
        return {}

template = yaml_parse(sys.stdin.read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/function.zip"
parameters = dict(given.split("=") for given in ("Stage=prod", *sys.argv[1:]))
print(json.dumps(transform(template, parameters, NoManagedPolicies())))
"""


@cache
def translated(*parameters: str) -> dict[str, Any]:
    """The template for parameters like ``Stage=dev``, intrinsic functions in their long form."""
    done = subprocess.run(
        [SAM.with_name("python"), "-c", _TRANSLATE, *parameters],
        env={"PATH": os.environ["PATH"], **OFFLINE_AWS},
        input=TEMPLATE.read_text("utf-8"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    template: dict[str, Any] = json.loads(done.stdout)
    return template


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in translated()["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }
