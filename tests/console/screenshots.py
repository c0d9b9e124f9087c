"""Renew the screenshots of README and docs: ``python -m tests.console.screenshots [FOLDER]``.

With ``--every`` each page is taken, also on a phone, for who looks at a change.
"""

import argparse
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect, sync_playwright

from tests.console.browsers import SCHEMES, launched, visiting
from tests.console.staged import SHOP_NUMBER, shop

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SHOWN = ("overview", "thread", "trace", "simulator")
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--every", action="store_true", help="each page, in each size")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for picture in take(options.folder, every=options.every):
        print(picture)  # noqa: T201 - the progress of a tool


def take(folder: Path, *, every: bool = False) -> Iterator[Path]:
    """The screenshots, as they come."""
    with (
        TemporaryDirectory() as data,
        sync_playwright() as playwright,
        shop(Path(data)) as (desk, paths),
    ):
        browser = launched(playwright)
        with visiting(browser, desk) as visitor:
            for name, path in paths.items():
                if every or name in SHOWN:
                    page = visitor.open(path)
                    if name == "simulator":
                        _send(page)
                    yield from _pictures(visitor.page, folder, name, every=every)
        browser.close()


def _send(page: Page) -> None:
    """Let the simulator have something to show."""
    page.get_by_label("To", exact=True).fill(SHOP_NUMBER)
    page.get_by_role("button", name="Send the webhook").click()
    expect(page.get_by_role("article", name="The latest message")).to_be_visible()
    page.mouse.move(0, 0)
    page.evaluate("scrollTo(0, 0)")


def _pictures(page: Page, folder: Path, name: str, *, every: bool) -> Iterator[Path]:
    for size, (width, height) in SIZES.items():
        if size == "wide" or every:
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                suffix = f"-{size}" if every else ""
                picture = folder / f"{name}{suffix}-{scheme}.png"
                page.screenshot(path=picture, full_page=every)
                if not every:
                    _reduce(picture)
                yield picture


def _reduce(picture: Path) -> None:
    """A third of the bytes, where ImageMagick is: few colours are enough for a page."""
    if program := shutil.which("convert"):
        command = [program, str(picture), "+dither", "-colors", "256", "-strip", f"PNG8:{picture}"]
        subprocess.run(command, check=True, timeout=60)


if __name__ == "__main__":
    main()
