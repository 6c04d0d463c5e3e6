"""Many models at once come back as each alone, in order, and a damaged one takes no other with it."""

import io
import threading

import numpy as np
import pytest

import necgs_cli
from necgs_cli import NecgsError
from necgs_cli.batch import WAITING, in_order
from necgs_cli.bitstream.container import ModelRecord, write_container
from necgs_cli.explicit.coding import choice
from necgs_cli.explicit.control_mesh import SMOOTH, ControlMesh
from necgs_cli.explicit.records import encode_record
from necgs_cli.meshes.placement import Placement


def octahedron(size):
    """A record of a small smooth mesh."""
    q = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]) * size
    f = np.array([(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)])
    return encode_record(ControlMesh(q.astype(np.int32), f, None, SMOOTH, 10))


def a_set(count):
    """A set of octahedra, as bytes."""
    out = io.BytesIO()
    records = [
        ModelRecord(kind, f"{k}.obj", Placement(128, -7, (k, 0, 0)), payload)
        for k, (kind, payload) in enumerate(map(octahedron, range(9, 9 + count)))
    ]
    write_container(out, [], records)
    return out.getvalue(), [record.payload for record in records]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_batch_decodes_as_one_by_one(workers):
    data, _ = a_set(20)
    with necgs_cli.open(data) as models:
        found = list(models.decode_all([7, "3.obj", *range(10, 20)], workers=workers))
        assert [id for id, _ in found] == [7, 3, *range(10, 20)]
        for id, mesh in found:
            assert np.array_equal(mesh.vertices, models[id].vertices)
            assert np.array_equal(mesh.faces, models[id].faces)
        assert len(list(models.decode_all(workers=workers))) == 20


@pytest.mark.parametrize("workers", [1, 3])
def test_a_damaged_model_is_an_error_in_its_place(workers):
    data, payloads = a_set(9)
    at = data.index(payloads[4])
    broken = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
    with necgs_cli.open(broken) as models:
        found = dict(models.decode_all(workers=workers, use=lambda id, mesh: len(mesh.faces)))
    assert isinstance(found.pop(4), NecgsError)
    assert set(found.values()) == {8 * 16} and list(found) == [0, 1, 2, 3, 5, 6, 7, 8]


def test_what_the_caller_does_with_a_mesh_may_fail():
    data, _ = a_set(9)

    def use(id, mesh):
        if id == 5:
            raise OSError("disk full")
        return id

    with necgs_cli.open(data) as models, pytest.raises(OSError, match="disk full"):
        list(models.decode_all(workers=2, use=use))


def test_compiled_and_python_batches_give_the_same(monkeypatch):
    pytest.importorskip("numba")
    from necgs_cli.explicit.coding import compiled

    compiled.prepare()
    data, _ = a_set(12)
    with necgs_cli.open(data) as models:
        slow = list(models.decode_all())
        monkeypatch.setattr(choice, "LOADING_PAYS", 1)
        fast = list(models.decode_all(workers=2))
    for (_, a), (_, b) in zip(slow, fast, strict=True):
        assert np.array_equal(a.vertices, b.vertices) and np.array_equal(a.faces, b.faces)


def test_results_come_in_order_and_few_tasks_run_ahead():
    started, lock = [], threading.Lock()

    def task(k):
        with lock:
            started.append(k)
        return k * k

    results = in_order(task, range(200), 2)
    assert next(results) == 0
    assert len(started) <= 2 * WAITING
    assert list(results) == [k * k for k in range(1, 200)]
