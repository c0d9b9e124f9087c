"""The template after its translation by SAM, as CloudFormation receives it."""

import atexit
import json
import os
import subprocess
from functools import cache
from typing import Any

from deploy.stack import SAM, TEMPLATE
from tests.emulators import OFFLINE_AWS

FUNCTIONS = ("IncomingWebhookHandler", "DrainSpool", "RelayOutbox", "Purge")

_TRANSLATE = """
import copy, itertools, json, sys, time
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoManagedPolicies:
    def load(self):
        return {}

with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/function.zip"
# As deployments have, each translation has seconds of its own: a name is made of them.
seconds = itertools.count(int(time.time()))
time.time = lambda: float(next(seconds))
for line in sys.stdin:
    parameters = dict(given.split("=") for given in ("Stage=prod", *json.loads(line)))
    made = transform(copy.deepcopy(template), parameters, NoManagedPolicies())
    print(json.dumps(made), flush=True)
"""


@cache
def _translator() -> "subprocess.Popen[str]":
    """SAM with the template, which takes a second to start. It ends with this process."""
    process = subprocess.Popen(
        [SAM.with_name("python"), "-c", _TRANSLATE, TEMPLATE],
        env={"PATH": os.environ["PATH"], **OFFLINE_AWS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


@cache
def translated(*parameters: str) -> dict[str, Any]:
    """The template for parameters like ``Stage=dev``, intrinsic functions in their long form."""
    process = _translator()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{json.dumps(parameters)}\n")
    process.stdin.flush()
    template: dict[str, Any] = json.loads(process.stdout.readline())
    return template


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in translated()["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }
