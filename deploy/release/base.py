"""The base of the image, pinned by its digest.

    make base-digest                         asks the registry, and writes Containerfile
    python -m deploy.release.base --check    fails without a digest

A tag names another base every few weeks. A digest names one for ever, on every platform.
"""

import re
import subprocess

import click

from deploy.release.image import CONTAINERFILE

_BASE = re.compile(r"^(?P<from>FROM )(?P<image>[^\s@]+)(?P<digest>@\S+)?(?P<rest>.*)$", re.M)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
INSPECT = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")
"""Asks the registry itself, and needs no running daemon."""


class NoDigestError(click.ClickException):
    """A base has no digest; the text says why, or what to do."""


def without_digest(containerfile: str) -> list[str]:
    """The bases that only a tag names."""
    found = (match["image"] for match in _BASE.finditer(containerfile) if not _has_digest(match))
    return [*dict.fromkeys(found)]


def digest_of(image: str) -> str:
    """The digest that the registry has for ``image`` now. Raises ``NoDigestError``."""
    try:
        done = subprocess.run([*INSPECT, image], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise NoDigestError(f"no digest of {image}: {said.strip()}") from error
    if not _DIGEST.fullmatch(done.stdout.strip()):
        raise NoDigestError(f"no digest of {image}: got {done.stdout.strip()!r}")
    return done.stdout.strip()


def pinned(containerfile: str) -> str:
    """``containerfile`` with the digest of each base as it is now. Raises ``NoDigestError``."""
    images = dict.fromkeys(match["image"] for match in _BASE.finditer(containerfile))
    digests = {image: digest_of(image) for image in images}
    return _BASE.sub(
        lambda base: f"{base['from']}{base['image']}@{digests[base['image']]}{base['rest']}",
        containerfile,
    )


def _has_digest(base: re.Match[str]) -> bool:
    return _DIGEST.fullmatch((base["digest"] or "").removeprefix("@")) is not None


@click.command(help=__doc__.partition("\n")[0])
@click.option("--check", is_flag=True, help="Write nothing; fail if a base has no digest.")
def main(check: bool) -> None:
    """Write the digests, or look for them."""
    containerfile = CONTAINERFILE.read_text("utf-8")
    if not check:
        CONTAINERFILE.write_text(pinned(containerfile), "utf-8")
    elif missing := without_digest(containerfile):
        raise NoDigestError(f"no digest of {', '.join(missing)}: run 'make base-digest'")


if __name__ == "__main__":
    main()
