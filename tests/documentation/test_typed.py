"""The four packages are marked as typed, in the repository and so in the wheel."""

import tomllib

from tests.documentation.documents import ROOT


def test_every_package_of_the_wheel_is_marked_as_typed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    # The wheel holds every file of these folders.
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["domain", "application", "infrastructure", "entrypoints"]}
    for package in wheel["packages"]:
        assert (ROOT / package / "py.typed").read_bytes() == b""
