"""What the viewer shows of a set: its list, and each model as a packed mesh, a picture or a mesh file, on demand."""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from necgs_cli.bitstream.container import Container
from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.decoding import RecordDecoder, UnknownKind
from necgs_cli.meshes.mesh import Mesh
from necgs_cli.meshes.write import FORMATS, write_mesh

THUMBNAIL_PIXELS = 180
_MESH_CACHE_BYTES = 256_000_000
_PACKED_CACHE_BYTES = 64_000_000
_THUMBNAIL_CACHE_BYTES = 64_000_000


class CannotShow(Exception):
    """A model that cannot be decoded or drawn; the message is the reason, in one line."""


class Recent:
    """The values asked for last, up to a number of bytes in all; at least the very last one."""

    def __init__(self, most_bytes: int):
        self._most, self._held = most_bytes, 0
        self._values: OrderedDict[int, tuple[Any, int]] = OrderedDict()

    def get(self, key: int, make: Callable[[], Any], size: Callable[[Any], int]) -> Any:
        """The value of a key, made where it is not held; `size` says how many bytes it takes."""
        if key not in self._values:
            value = make()
            self._values[key] = value, size(value)
            self._held += self._values[key][1]
        self._values.move_to_end(key)
        while self._held > self._most and len(self._values) > 1:
            self._held -= self._values.popitem(last=False)[1][1]
        return self._values[key][0]


class ViewedSet:
    """An open set for a server of many threads: one decodes at a time, and what was made last is kept.

    Args:
        container: the open set; stays the caller's to close.
        path: what to call it.
    """

    def __init__(self, container: Container, path: str):
        self._decoder = RecordDecoder(container)
        self._lock = threading.Lock()
        self._meshes = Recent(_MESH_CACHE_BYTES)
        self._packed = Recent(_PACKED_CACHE_BYTES)
        self._thumbnails = Recent(_THUMBNAIL_CACHE_BYTES)
        self.names = list(container.names)
        self.listing: dict[str, Any] = {
            "path": path,
            "file_bytes": sum(size for _, size in container.sizes()),
            "formats": list(FORMATS),
            "warning": container.unfinished_reason,
            "models": [_about(container, id) for id in range(len(container))],
        }
        """What the page needs to know of the set, ready for JSON."""

    def packed(self, id: int) -> bytes:
        """A model as `scene.pack_mesh` packs it.

        Raises:
            CannotShow: it cannot be decoded.
        """
        from necgs_cli.report.scene import pack_mesh

        with self._lock:
            return self._packed.get(id, lambda: _drawn(pack_mesh, self._mesh(id)), len)

    def thumbnail(self, id: int) -> bytes:
        """A picture of a model on no background, PNG.

        Raises:
            CannotShow: it cannot be decoded.
        """
        with self._lock:
            return self._thumbnails.get(id, lambda: _drawn(_picture, self._mesh(id)), len)

    def file(self, id: int, format: str) -> bytes:
        """A model as a mesh file in one of `FORMATS`.

        Raises:
            CannotShow: it cannot be decoded.
        """
        with self._lock:
            mesh = self._mesh(id)
        file = io.BytesIO()
        write_mesh(mesh, file, format)
        return file.getvalue()

    def _mesh(self, id: int) -> Mesh:
        """A decoded model; the lock must be held."""
        return self._meshes.get(id, lambda: self._decode(id), lambda mesh: mesh.vertices.nbytes + mesh.faces.nbytes)

    def _decode(self, id: int) -> Mesh:
        try:
            return self._decoder.mesh(id)
        except (DamagedFile, UnknownKind) as error:
            raise CannotShow(str(error)) from error
        except Exception as error:  # whatever one record does to the decoder, the other models stay visible
            raise CannotShow(f"it cannot be decoded ({type(error).__name__}: {error})") from error


def _about(container: Container, id: int) -> dict[str, Any]:
    """What the set says of a model; reason is why it cannot be shown, as far as that is known without decoding."""
    figures: dict[str, Any] = {"kind": None, "bytes": None, "p2s": None, "max_error": None}
    try:
        entry = container.entry(id)
    except DamagedFile as error:
        return {"id": id, "name": container.names[id], **figures, "reason": str(error)}
    figures = {"kind": entry.kind_name, "bytes": entry.bytes_total}
    figures |= {"p2s": _finite(entry.p2s), "max_error": _finite(entry.max_error)}
    reason = None if entry.known else "it is of a kind that this version does not know"
    return {"id": id, "name": entry.name, **figures, "reason": reason}


def _drawn(draw: Callable[..., bytes], mesh: Mesh) -> bytes:
    try:
        return draw(mesh.vertices, mesh.faces)
    except ValueError as error:
        raise CannotShow(str(error)) from error


def _picture(vertices: Any, faces: Any) -> bytes:
    from PIL import Image

    from necgs_cli.report.render import render_mesh

    file = io.BytesIO()
    Image.fromarray(render_mesh(vertices, faces, THUMBNAIL_PIXELS, transparent=True)).save(file, "PNG")
    return file.getvalue()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
