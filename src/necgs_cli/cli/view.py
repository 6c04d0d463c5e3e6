"""`necgs view`: browse a set in a web browser."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from necgs_cli.cli import parameters as given
from necgs_cli.cli.console import binary_stdin, say
from necgs_cli.progress import printable

if TYPE_CHECKING:
    from necgs_cli.report.viewer import ViewerServer


def view(
    set_file: Annotated[str, typer.Argument(metavar="SET", help="The .ncgs file; - is stdin.")],
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, metavar="N", show_default=False, help="Port; a free one by default."),
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    debug: given.Debug = False,
) -> None:
    """Browse a set in a web browser: pictures, 3D and downloads.

    Serves to this machine only, at an address with a random part, until Ctrl-C. Models are decoded when looked at.

    \b
    Examples:
      necgs view set.ncgs
      necgs view set.ncgs --port 8080 --no-browser
    """
    source = binary_stdin().read() if set_file == "-" else set_file
    from necgs_cli.model_set import open_container
    from necgs_cli.report.viewed_set import ViewedSet
    from necgs_cli.report.viewer import ViewerServer

    with open_container(source) as container:
        viewed = ViewedSet(container, "stdin" if set_file == "-" else set_file)
        with ViewerServer(viewed, port) as server:
            print(server.address, flush=True)
            say(f"serving {printable(set_file)} to this machine; Ctrl-C ends it")
            _serve(server, open_browser=not no_browser)


def _serve(server: ViewerServer, open_browser: bool) -> None:
    """Serves until Ctrl-C, which is how this is meant to end: no interruption of anything."""
    with contextlib.suppress(KeyboardInterrupt):
        if open_browser:
            import webbrowser

            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        server.serve_forever()
