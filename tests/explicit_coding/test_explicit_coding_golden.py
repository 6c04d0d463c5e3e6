"""Records of this format version decode for ever, alike on every machine and number of threads.

`python tests/explicit_coding/test_explicit_coding_golden.py` prints the table anew, for a new format version.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from necgs_cli.explicit.coding import decode_mesh, encode_mesh
from necgs_cli.explicit.coding.positions import METHODS

# record in hexadecimal, SHA-256 of what it decodes to
GOLDEN: dict[str, tuple[str, str]] = {
    "method 0": (
        "c412c6e827337edba5e749d77d9716a6c97509c27e27eac422c6c63cf3091cdc1cee47a45b4fa3fc1b495f76484717dc"
        "294357b1c07eb1381fdd7a696e29f5a632cfeb895c6646a764ece02b49a3545772642f26da7cf0de471f40610f2fdedc"
        "d972311797771b",
        "4a6a8cb5d28df3092e85f48181b774b6f39821b06e152c463aaa17b422a67884",
    ),
    "method 1": (
        "89f9a111199f86ac0b1d10fe96a419833737630015ba092cbbd909a8692490898e00116dd7536d9abbfcf5e767de707a"
        "8df487bdc8ead894215c3f47452dfb75d87174507ad7d8e5e3f11b",
        "4a6a8cb5d28df3092e85f48181b774b6f39821b06e152c463aaa17b422a67884",
    ),
    "method 2": (
        "49f9a111199f86ac0b1d10fe96a3c891fb58b374dea5baf3faf632782fae05753bcd6acf1a159e3fdd65a28629caf20e"
        "c3ab7b096d7f8680ea6842741c10bc66292cb0bc8895db49c3f35d5c9b",
        "4a6a8cb5d28df3092e85f48181b774b6f39821b06e152c463aaa17b422a67884",
    ),
    "method 3": (
        "0413366827337edba5e749d77d971f3bb124a8d07a78925c95fb068848702707d03acfc1c4571b8379cf77dac02a8292"
        "3a9440649e8b29089e332d527496af74947d14a2ca1ec7e8671866073d613bc0bb6c4e58888269c2ce7c1a947b",
        "4a6a8cb5d28df3092e85f48181b774b6f39821b06e152c463aaa17b422a67884",
    ),
    "creases": (
        "c412c6e827337edba5e74daffc0fc12606a3efac25fec583f07e4670e06286336e729072dccfa39aea9686c80f2c5344"
        "8c99f748219332efb06daac67279e5acc9288f4f",
        "2b56141bdda3a8a891849725d8a419398d4b86f9fc8f139bfa6ec71d81192c45",
    ),
    "copies and extras": (
        "7fffab053685b10ee810e3d53dd60bb5648fb8e6dedb9c365c",
        "33fa103d1c2b338409846e0adec3d64f1cb39d61e44227f867fc3785b0e8fb96",
    ),
    "mirrored, free": (
        "c412c6e827337edba5e7251b2fe73f981db72dea2973cd703d62df44ff9e633954015dd0488d7613ba8f341c4c183dd6"
        "75cad515030b853af355dcaf53a2a998a6d02d0aa2d15ac5bf11",
        "ca14f16c6c87445d8aede5f590c9dad571688f680c3258f436ac14e037cbdbc9",
    ),
    "mirrored, repeating": (
        "49f9a111199f86ac0b109e7d7f62f0d61fe87382f6bbf03f257e99b376738f73b1c30da437efc0c6ce87ae392d1f165d"
        "859b56195a201d3e384169c1ddad913f98f935730017b9",
        "6623e548864395fbddac9631cb117c198784c1a30e267993bd3bc7f42b713a22",
    ),
}
AXES = {"mirrored, free": (0, 1), "mirrored, repeating": (0, 1, 2)}
"""Of the planes at which the meshes of some records are mirrored."""


def meshes():
    """Meshes made of integers only: each way of coding has one."""
    i, j = np.meshgrid(np.arange(7), np.arange(6), indexing="ij")
    q = np.stack([8 * i + (j * j) % 3, 7 * j + (i * j) % 4, (i - 3) ** 2 * 2 + (j - 2) ** 2], -1).reshape(-1, 3)
    a = (6 * i + j)[:-1, :-1].ravel()
    f = np.concatenate([np.stack([a, a + 6, a + 1], 1), np.stack([a + 1, a + 6, a + 7], 1)])
    for method in range(len(METHODS)):
        yield f"method {method}", (q * 5 - 90, f, None), (method,)
    yield "creases", (q, f, np.array([[0, 1], [1, 2], [8, 9]])), (0,)
    box = np.array([[x, y, z] for x in (0, 40) for y in (0, 30) for z in (0, 9)])
    sides = np.array([(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6)])
    boxes = np.concatenate([box, box + [50, 0, 0], box + [100, 0, 0], [[7, 7, 7]]])
    yield "copies and extras", (boxes, np.concatenate([sides, sides + 8, sides + 16, [[0, 0, 1]]]), None), (1,)
    part = np.stack([i * (8 + j % 3), j * (7 + i % 4), (6 - i) * (9 + j * j % 3)], -1).reshape(-1, 3)
    yield "mirrored, free", (part, f, np.array([[0, 1], [8, 9]])), (0,)
    yield "mirrored, repeating", (part, f, None), (2,)


def record_of(name, mesh, methods):
    """The record of one of the meshes."""
    q, f, creases = mesh
    return encode_mesh(q, f, creases=creases, methods=methods, axes=AXES.get(name, ()))[0]


def digest(data, axes=()):
    """SHA-256 of all that a record decodes to."""
    q, f, creases = decode_mesh(data, axes=axes)
    parts = (q.astype("<i4"), f.astype("<i8"), creases.astype("<i8"))
    return hashlib.sha256(b"".join(a.tobytes() for a in parts)).hexdigest()


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_records_decode_to_the_same_integers(name):
    data, wanted = GOLDEN[name]
    assert digest(bytes.fromhex(data), AXES.get(name, ())) == wanted


def test_encoder_still_writes_the_golden_records():
    made = {name: record_of(name, *mesh).hex() for name, *mesh in meshes()}
    assert made == {name: data for name, (data, _) in GOLDEN.items()}


@pytest.mark.parametrize("threads", ["1", "4"])
def test_decoding_in_another_process_needs_only_numpy_and_agrees_whatever_the_threads(threads):
    data, wanted = GOLDEN["method 0"]
    code = f"""
import hashlib, sys
for name in ("torch", "numba", "scipy", "trimesh", "constriction"):
    sys.modules[name] = None
from necgs_cli.explicit.coding import decode_mesh
q, f, c = decode_mesh(bytes.fromhex({data!r}))
print(hashlib.sha256(q.astype('<i4').tobytes() + f.astype('<i8').tobytes() + c.astype('<i8').tobytes()).hexdigest())
"""
    environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == wanted


def test_the_field_of_a_record_is_integers_to_the_last_step():
    from necgs_cli.explicit.coding import field
    from necgs_cli.explicit.coding.kernel import PYTHON
    from necgs_cli.explicit.coding.surroundings import graph

    _, (q, f, _), _ = next(meshes())
    for planes in ([0] * len(q), [v % 8 for v in range(len(q))]):
        for column in field.conditionals(PYTHON, graph(f, len(q)), planes):
            assert column and all(type(value) is int for value in column)


if __name__ == "__main__":
    for name, mesh, methods in meshes():
        record = record_of(name, mesh, methods)
        lines = [f'"{record.hex()[k : k + 96]}"' for k in range(0, 2 * len(record), 96)]
        print(f'    "{name}": (')
        print("        " + "\n        ".join(lines) + ",")
        print(f'        "{digest(record, AXES.get(name, ()))}"),')
