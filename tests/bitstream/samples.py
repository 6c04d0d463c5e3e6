"""Small files for the tests of the container."""

from necgs_cli.bitstream.container import ModelRecord, SetSection
from necgs_cli.meshes.placement import Placement

SECTIONS = [SetSection(1, b"decoder weights"), SetSection(5, b"")]
MODELS = [
    ModelRecord(1, "chair.obj", Placement(200, -8, (0, -5, 12)), b"first payload", 1.8e-3, 2.5e-2, "winding"),
    ModelRecord(2, "chairs/Stühle 2.obj", Placement(128, 3, (1000, -5, 0)), b"", 0.0, 1e-9, "mixed"),
    ModelRecord(1, "椅子.ply", Placement(255, -300, (1 << 62, 0, -(1 << 62))), bytes(range(256)), depends=(0, 1)),
]
MORE = [
    ModelRecord(1, "chair.obj", Placement(130, 0, (0, 0, 0)), b"appended", 1.0, 2.0, "shell", depends=(2,)),
    ModelRecord(20, "lamp.obj", Placement(140, 0, (1, 2, 3)), b"of a kind to come"),
]


def content(container) -> list:
    """Everything a reader can ask of a file."""
    entries = [repr(container.entry(i)) for i in range(len(container))]  # repr: NaN equals NaN there
    payloads = [container.payload(i) for i in range(len(container))]
    return [container.sections, container.names, entries, payloads]
