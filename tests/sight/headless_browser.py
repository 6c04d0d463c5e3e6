"""A headless Chromium, driven over the DevTools protocol through a pipe: no further library is needed.

Messages are JSON ended by a zero byte; the browser reads them from file descriptor 3 and answers on 4.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--hide-scrollbars"),
    # Names resolve to nothing but this machine: a page that asks for anything else fails.
    *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--force-device-scale-factor=1", "--remote-debugging-pipe"),
)
PATIENCE = 60  # seconds for anything the browser is asked to do; machines are shared


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser process with one page. Errors of the page are collected in `errors`."""

    def __init__(self, program: str):
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        self._profile = tempfile.TemporaryDirectory(prefix="necgs-browser-", ignore_cleanup_errors=True)

        def place_pipes() -> None:
            # Both may be 3 or 4 already: copies far above are out of the way of either.
            read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 100) for end in (to_browser, from_browser))
            os.dup2(read, 3)
            os.dup2(write, 4)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=place_pipes,
            close_fds=False,
        )
        os.close(to_browser)
        os.close(from_browser)
        self.errors: list[str] = []
        self._waiting: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._last_id = 0
        threading.Thread(target=self._listen, daemon=True).start()
        target = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"]
        self._session: str | None = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def open(self, address: str) -> None:
        """Goes to a page and forgets the errors of the one before."""
        self._ask("Page.navigate", url="about:blank")
        self.errors.clear()
        self._ask("Page.navigate", url=address)

    @contextmanager
    def before_each_page(self, script: str) -> Iterator[None]:
        """Within the block, runs a script before those of every page that is opened."""
        added = self._ask("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"]
        yield
        self._ask("Page.removeScriptToEvaluateOnNewDocument", identifier=added)

    def size(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Sets the size of the window in CSS pixels, and the colour scheme that the user prefers."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(f"{script}: {found['exceptionDetails'].get('exception', {}).get('description')}")
        return found["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Waits until a JavaScript expression is true; returns its value."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = self.run(condition)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"never true: {condition}; errors of the page: {self.errors}")

    def fill(self, selector: str, value: str) -> None:
        """Gives a text field or a choice a value, as a user would."""
        change = "e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change'));"
        self.run(f"((e, v) => {{ {change} }})(document.querySelector({json.dumps(selector)}), {json.dumps(value)})")

    def key(self, key: str) -> None:
        """Presses and releases a key."""
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=key if len(key) == 1 else "")
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: str | Path | None = None, selector: str | None = None) -> np.ndarray:
        """All of the page, or one element of it, as uint8 (height, width, 3); saved where a path is given."""
        box = "(r => [r.x + scrollX, r.y + scrollY, r.width, r.height])"
        place = "[0, 0, document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        if selector is not None:
            place = f"{box}(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        x, y, width, height = self.run(place)
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        data = self._ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        if path is not None:
            picture.save(path)
        return np.asarray(picture)

    def close(self) -> None:
        """Ends the browser."""
        try:
            self._send("Browser.close", {}, None)
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._commands)
        self._profile.cleanup()

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        answer: queue.Queue[dict[str, Any]] = queue.Queue()
        number = self._send(method, parameters, answer)
        try:
            found = answer.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"the browser does not answer to {method}") from None
        if "error" in found:
            raise AssertionError(f"{method}: {found['error']}")
        self._waiting.pop(number)
        return found["result"]

    def _send(self, method: str, parameters: dict[str, Any], answer: queue.Queue[dict[str, Any]] | None) -> int:
        self._last_id += 1
        if answer is not None:
            self._waiting[self._last_id] = answer
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if getattr(self, "_session", None) and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        return self._last_id

    def _listen(self) -> None:
        with open(self._answers, "rb") as answers:
            rest = b""
            while chunk := answers.read1(1 << 16):
                *messages, rest = (rest + chunk).split(b"\0")
                for message in messages:
                    self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("id") in self._waiting:
            self._waiting[message["id"]].put(message)
            return
        about = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"])))
        elif message.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.errors.append(str([value.get("value", value.get("description")) for value in about["args"]]))
        elif message.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
