"""Write the SBOM: every distribution and every file of others in a release, with its licence.

    .venv-release/bin/python -m deploy.release.sbom ENVIRONMENT OUTPUT

``ENVIRONMENT`` has the release and all that it needs. What is written is CycloneDX 1.6 in JSON.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.exceptions import InvalidSpdxLicenseException
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.release.hashes import HASHED, ROOT, blocks, name_of, pins
from deploy.release.vendored import ASSETS, LIST, Vendored, read_vendored

VERSION = SchemaVersion.V1_6
_OF_PYTHON = ("pip", "setuptools")
"""What every environment of Python holds, before anything is installed there."""


def installed(environment: Path) -> Bom:
    """The distributions in ``environment``, under the project as ``pyproject.toml`` describes it.

    Raises CalledProcessError; the program has said why.
    """
    program = Path(sys.executable).with_name("cyclonedx-py")
    command = [str(program), "environment", str(environment), "--output-reproducible"]
    command += ["--no-validate"]  # what is written is validated at the end
    command += ["--pyproject", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ours
    described = json.loads(done.stdout)
    _leave_out(described, _OF_PYTHON)
    bom: Bom = Bom.from_json(described)
    return bom


def add(bom: Bom, file: Vendored) -> None:
    """Add a file of others. Raises InvalidSpdxLicenseException, which is made of the wrong id."""
    component = Component(
        name=file.name,
        version=file.version,
        bom_ref=f"vendored:{file.file}",
        licenses=[LicenseFactory().make_with_id(file.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)],
        external_references=[
            ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(file.homepage))
        ],
    )
    bom.components.add(component)
    bom.register_dependency(bom.metadata.component, [component])


def problems(bom: Bom) -> list[str]:
    """What is not as it is pinned, and what has no licence, a line each."""
    layers = "".join((HASHED / f"{layer}.txt").read_text("utf-8") for layer in ("server", "aws"))
    pinned = pins(layers)
    everywhere = {name for name, block in blocks(layers).items() if ";" not in block}
    distributions = [one for one in bom.components if one.purl is not None]
    found = {name_of(one.name): one.version for one in distributions}
    lines = [
        f"{name} is {version}, and not what is pinned: {pinned.get(name)}"
        for name, version in found.items()
        if pinned.get(name) != version
    ]
    lines += [f"{name} is pinned, and missing" for name in sorted(everywhere - found.keys())]
    lines += [f"{one.name} has no licence" for one in bom.components if not one.licenses]
    return lines


def _leave_out(described: dict[str, Any], names: tuple[str, ...]) -> None:
    """Remove components, and what depends on them."""
    gone = {one["bom-ref"] for one in described["components"] if one["name"] in names}
    for part, reference in (("components", "bom-ref"), ("dependencies", "ref")):
        described[part] = [one for one in described[part] if one[reference] not in gone]
    for one in described["dependencies"]:
        one["dependsOn"] = [name for name in one.get("dependsOn", ()) if name not in gone]


def main(environment: str, output: str) -> None:
    """Write the SBOM. Ends with 1 and a line for each problem."""
    bom = installed(Path(environment))
    try:
        for file in read_vendored(ASSETS):
            add(bom, file)
    except InvalidSpdxLicenseException as error:
        sys.exit(f"{LIST} names a licence that is no SPDX id: {error}")
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2)
    wrong = problems(bom)
    if (invalid := JsonStrictValidator(VERSION).validate_str(text)) is not None:
        wrong.append(f"the SBOM is not valid: {invalid}")
    if wrong:
        sys.exit("\n".join(wrong))
    Path(output).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
