"""Makes the pictures of docs/images by the commands that they show, from the example meshes.

`python benchmarks/pictures.py --out docs/images`. Needs Chromium for the report and the viewer. `--set FILE` takes a
set of the example meshes that is there already; otherwise they are encoded with `--policy set`.

examples.png: the `demo.png` of `make demo`, smaller, where `--demo` names it; contact_sheet.png: `necgs render --all`;
report.png: `necgs compare --report`, its upper part; viewer.png: `necgs view`.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]
MESHES = ROOT / "examples" / "meshes"
sys.path.insert(0, str(ROOT / "tests" / "sight"))

from headless_browser import Browser, find_chromium  # noqa: E402

NECGS = [sys.executable, "-m", "necgs_cli"]
PEERS = "draco,qem-draco"
COLOURS = 256  # of a picture's palette: a third of the bytes, and hardly a difference to be seen
DEMO_WIDTH = 1290
IN_3D = "cow.off"
IN_SIGHT = "[...document.querySelectorAll('.picture')].filter(e => e.getBoundingClientRect().top < innerHeight)"


def necgs(*arguments: object) -> None:
    """Runs a command; what it says of its results is not wanted here."""
    subprocess.run([*NECGS, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def save(picture: Image.Image, path: Path) -> None:
    """Writes a picture with a palette."""
    small = picture.convert("RGB").quantize(COLOURS, kmeans=3, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size:,} bytes")


def demo(made: Path, path: Path) -> None:
    """Originals, decoded models and errors."""
    with Image.open(made) as picture:
        size = DEMO_WIDTH, round(picture.height * DEMO_WIDTH / picture.width)
        save(picture.resize(size, Image.Resampling.LANCZOS), path)


def screenshot(browser: Browser, path: Path, height: int | None = None) -> None:
    """Writes the page as it is now, or its upper `height` pixels."""
    if browser.errors:
        raise SystemExit(f"{path}: errors of the page: {browser.errors}")
    save(Image.fromarray(np.ascontiguousarray(browser.screenshot()[:height])), path)


def contact_sheet(set_file: Path, path: Path) -> None:
    """All models of the set."""
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.png"
        necgs("render", set_file, "--all", "-o", sheet, "-q")
        with Image.open(sheet) as picture:
            save(picture, path)


def report(browser: Browser, set_file: Path, path: Path) -> None:
    """The report down to its 3D view."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        necgs("compare", MESHES, set_file, "--against", PEERS, "--report", page, "-q")
        browser.size(1280)
        browser.open(page.as_uri())
        browser.wait("document.querySelector('.scene-caption')?.textContent")
        tabs = "[...document.querySelectorAll('.tabs button')]"
        browser.run(f"{tabs}.find(e => e.innerText.includes('{IN_3D}'))?.click()")
        chosen = f"{tabs}.find(e => e.ariaPressed === 'true').innerText.split('\\n')[0]"
        browser.wait(f"document.querySelector('.scene-caption').textContent.startsWith({chosen})")
        bottom = browser.run("document.querySelector('#scenes').getBoundingClientRect().bottom + scrollY")
        screenshot(browser, path, round(bottom) + 16)


@contextmanager
def viewer(set_file: Path) -> Iterator[str]:
    """The address of a running viewer."""
    command = [*NECGS, "view", str(set_file), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)


def view(browser: Browser, set_file: Path, path: Path) -> None:
    """The viewer with a model in 3D."""
    with viewer(set_file) as address:
        browser.size(1280, 800)
        browser.open(address)
        browser.wait("document.querySelector('.card') !== null")
        browser.run(f"document.querySelector('.card[title=\"{IN_3D}\"]').click()")
        browser.wait("document.querySelector('.downloads a') !== null")
        browser.wait(f"{IN_SIGHT}.every(e => e.querySelector('img')?.complete)")
        screenshot(browser, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures (default out)")
    parser.add_argument("--set", type=Path, help="a set of the example meshes")
    parser.add_argument("--demo", type=Path, help="demo.png, as `make demo` wrote it")
    arguments = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit("no chromium on the PATH")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.demo:
        demo(arguments.demo, arguments.out / "examples.png")
    with tempfile.TemporaryDirectory() as folder, closing(Browser(program)) as browser:
        set_file = arguments.set or Path(folder) / "examples.ncgs"
        if not arguments.set:
            necgs("encode", MESHES, "-o", set_file, "--policy", "set", "-q")
        contact_sheet(set_file, arguments.out / "contact_sheet.png")
        report(browser, set_file, arguments.out / "report.png")
        view(browser, set_file, arguments.out / "viewer.png")


if __name__ == "__main__":
    main()
