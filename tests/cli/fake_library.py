"""A stand-in for the library behind the commands: the tests of the command line are about manners, not compression.

Also run as a program: `python fake_library.py ARGUMENTS` is `necgs ARGUMENTS` with this library.
"""

import io
import os
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from necgs_cli import api
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.training.loop import checkpoint_path

TETRAHEDRON = Mesh(
    vertices=np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    faces=np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)


def damaged(text):
    return api.NecgsError(text, 4)


def model_result(id, name, **changes):
    fields = {"kind": "neural", "source_bytes": 1000, "record_bytes": 40, "p2s": 2e-3, "max_error": 1e-2}
    fields |= {"seconds": 1.5, "sign": "winding", "dropped": (), "repairs": ()}
    return api.ModelResult(id=id, name=name, **fields | changes)


def report(models=(), skipped=(), warnings=(), **changes):
    fields = {"path": "set.ncgs", "source_bytes": 2000, "file_bytes": 100, "set_bytes": 20, "seconds": 3.0}
    fields["options"] = {}
    skipped = [api.Skipped(*pair) for pair in skipped]
    return api.Report(models=list(models), skipped=skipped, warnings=list(warnings), **fields | changes)


@dataclass
class FakeSet:
    """A set whose models are all the tetrahedron; `broken` maps ids to the error of decoding them."""

    names: list
    broken: dict

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __len__(self):
        return len(self.names)

    def __getitem__(self, id):
        if id in self.broken:
            raise self.broken[id]
        return TETRAHEDRON

    def decode_all(self, ids, use, say):
        for id in ids:
            yield id, self.broken[id] if id in self.broken else use(id, self[id])


def contents(names):
    """What api.inspect gives for a set of those names."""
    row = {"kind": "neural", "bytes": 40, "p2s": 2e-3, "max_error": 1e-2, "note": "winding", "decodable": True}
    return {
        "format_version": 1,
        "file_bytes": 20 + 40 * len(names),
        "sections": [{"label": "header", "bytes": 20}, {"label": "records", "bytes": 40 * len(names)}],
        "codec": "3 neural; a decoder of 20 B for the set",
        "decoder": {"resolution": 128, "rate_weight": 0.0020008087},
        "models": [{"id": id, "name": name} | row for id, name in enumerate(names)],
    }


class FakeLibrary:
    """Takes the place of the functions of `api`; keeps what they were called with in `calls`."""

    def __init__(self):
        self.calls = []
        self.report = report([model_result(0, "a.obj"), model_result(1, "b.obj")])
        self.set = FakeSet(["a.obj", "sub/b.obj", "c.stl"], {})
        self.error = None
        self.steps = 0

    def encode(self, inputs, output, options, progress):
        return self._work("encode", SimpleNamespace(inputs=inputs, output=output, options=options), progress)

    def append(self, path, inputs, *, progress, **options):
        return self._work("append", SimpleNamespace(inputs=inputs, output=path, options=options), progress)

    def _work(self, name, call, progress):
        self.calls.append((name, call))
        for text in self.report.warnings:
            progress.warn(text)
        for skipped in self.report.skipped:
            progress.skip(skipped.name, skipped.reason)
        progress.phase("working", self.steps)
        for step in range(self.steps):
            progress.update(step, loss=1 / (step + 1))
            time.sleep(0.05)
            if progress.stopped():
                checkpoint_path(call.output).touch()
                raise api.NecgsError(f"stopped at step {step}", 130)
        if self.error:
            raise self.error
        if isinstance(call.output, io.IOBase) or hasattr(call.output, "write"):
            call.output.write(b"NCGS\x00\xff\n")
        elif name == "encode":
            call.output.write_bytes(b"new set")
        return self.report

    def open(self, source):
        self.calls.append(("open", source if isinstance(source, str) else source.read()))
        if self.error:
            raise self.error
        return self.set

    def inspect(self, source):
        self.calls.append(("inspect", source if isinstance(source, str) else source.read()))
        if self.error:
            raise self.error
        return contents(self.set.names)

    def install(self, setattr=setattr):
        for name in ("encode", "append", "open", "inspect"):
            setattr(api, name, getattr(self, name))
        return self


if __name__ == "__main__":
    from necgs_cli.cli.main import main

    library = FakeLibrary().install()
    library.steps = int(os.environ.get("FAKE_STEPS", "0"))
    library.set.names = library.set.names * int(os.environ.get("FAKE_COPIES", "1"))
    main()
