"""Frames of an animation in one set: the triangles are stored once, and every frame is still a model of its own."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

import necgs_cli
from necgs_cli import NecgsError, families, joining, pose_tasks, references
from necgs_cli.bitstream.container import Container, ModelRecord, write_container
from necgs_cli.bitstream.records import make_record
from necgs_cli.decoding import MOST_POSES, POSED
from necgs_cli.explicit import lessons, pose
from necgs_cli.explicit.control_mesh import SMOOTH, ControlMesh, grid_step
from necgs_cli.explicit.records import decode_record, encode_posed, encode_record
from necgs_cli.mesh_codec import CodedMesh, MeshTask
from necgs_cli.meshes.placement import Placement
from necgs_cli.meshes.read import read_mesh
from necgs_cli.metrics.surface import Reference
from necgs_cli.options import EncodeOptions, ErrorBound
from necgs_cli.progress import Progress
from necgs_cli.references import dependence_bytes
from necgs_cli.rescue import recover

COW = Path(__file__).parents[2] / "examples" / "meshes" / "cow.off"
ERROR = 0.004
OPTIONS = EncodeOptions(error=ErrorBound(ERROR), workers=1)
KIN, BOX = (0, 2, 3, 4, 5), 1  # ids of the animation, in which a cow with a hole stands, and of a box


def frame(bend):
    """The cow, leaning to one side so that it is no image of itself, bent about z and a little upwards."""
    mesh = read_mesh(COW).mesh
    vertices = mesh.vertices - mesh.vertices.mean(axis=0)
    x, y, z = (vertices / np.abs(vertices).max()).T
    y, z = y + 0.4 * x, z + 0.3 * x
    angle = bend * x
    turned = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z + 0.1 * bend * x * x
    return np.stack(turned, axis=1), mesh.faces


def inputs():
    vertices, faces = frame(0.2)
    box = trimesh.creation.box((2, 3, 4))
    return [frame(0), (box.vertices, box.faces), frame(0.15), (vertices, faces[10:]), frame(0.3), frame(0.45)]


@pytest.fixture(scope="module")
def encoded():
    out = io.BytesIO()
    report = necgs_cli.encode(inputs(), out, OPTIONS)
    return out.getvalue(), report


def entries(data):
    with Container.open(data) as container:
        return [container.entry(id) for id in range(len(container))]


def damaged(data, id):
    """The file with a bit of a model's payload turned over."""
    with Container.open(data) as container:
        at = data.index(container.payload(id)) + 8
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_frames_and_a_like_shape_are_told_from_earlier_ones(encoded):
    data, report = encoded
    found = entries(data)
    assert {report.models[id].kind for id in KIN[1:]} == {"posed"}
    assert all(len(found[id].depends) == 1 and found[id].depends[0] in KIN[: n + 1] for n, id in enumerate(KIN[1:]))
    assert all(found[id].kind != POSED and not found[id].depends for id in (KIN[0], BOX))
    assert "4 of them told from others" in report.decision


def test_a_pose_takes_much_less_than_a_record_of_its_own(encoded):
    _, report = encoded
    alone = necgs_cli.encode([frame(0.3)], io.BytesIO(), OPTIONS)
    assert report.models[4].record_bytes < 0.7 * alone.models[0].record_bytes


def test_every_decoded_frame_is_within_the_asked_error(encoded):
    data, report = encoded
    with necgs_cli.open(data) as models:
        for id, (vertices, faces) in enumerate(inputs()):
            found = Reference(vertices, faces, 20_000).measure(models[id].vertices, models[id].faces)
            assert found.p2s < 2 * ERROR * 1.05
            assert found.p2s == pytest.approx(report.models[id].p2s, rel=0.06, abs=1e-5)


def test_one_frame_alone_can_be_asked_for(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    command = [sys.executable, "-m", "necgs_cli", "decode", path, "--id", "5", "-o", tmp_path / "frame.ply", "-q"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    with necgs_cli.open(path) as models:
        np.testing.assert_allclose(read_mesh(tmp_path / "frame.ply").mesh.vertices, models[5].vertices, atol=1e-6)


@pytest.mark.parametrize("workers", [1, 3])
def test_decoding_all_gives_what_decoding_each_gives(encoded, workers):
    data, _ = encoded
    for order in ([5, 4, 3, 2, 1, 0], list(range(6))):
        with necgs_cli.open(data) as models:
            for id, mesh in models.decode_all(order, workers=workers):
                with necgs_cli.open(data) as fresh:
                    assert np.array_equal(mesh.vertices, fresh[id].vertices)
                    assert np.array_equal(mesh.faces, fresh[id].faces)


def test_the_command_verifies_such_a_set(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    done = subprocess.run([sys.executable, "-m", "necgs_cli", "verify", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_damaged_frame_takes_those_that_are_poses_of_it_and_no_other(encoded):
    data = damaged(encoded[0], 0)
    with necgs_cli.open(data) as models:
        found = dict(models.decode_all())
        assert {id for id, mesh in found.items() if isinstance(mesh, NecgsError)} == set(KIN)
        with pytest.raises(NecgsError, match="model 0"):
            models[5]
    out = io.BytesIO()
    rescued = recover(data, out)
    assert rescued.names == ["model_1"]
    assert sorted(name for line in rescued.lost for name in [line.split("'")[1]]) == [f"model_{id}" for id in KIN]
    with necgs_cli.open(encoded[0]) as whole, necgs_cli.open(out.getvalue()) as models:
        assert np.array_equal(models["model_1"].vertices, whole[BOX].vertices)


def test_what_is_rescued_keeps_its_poses(encoded):
    data, _ = encoded
    out = io.BytesIO()
    rescued = recover(damaged(data, 1), out)
    assert rescued.names == [f"model_{id}" for id in (0, 2, 3, 4, 5)]
    with necgs_cli.open(data) as whole, necgs_cli.open(out.getvalue()) as models:
        for name in rescued.names:
            assert np.array_equal(models[name].vertices, whole[name].vertices)


def test_frames_that_join_a_set_are_told_from_those_in_it_and_from_each_other(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    report = necgs_cli.append(path, [frame(0.5), frame(0.6)], error=ErrorBound(ERROR), workers=1)
    assert path.read_bytes()[: len(encoded[0])] == encoded[0]
    assert [model.id for model in report.models] == [6, 7]
    assert {entry.kind for entry in entries(path)[6:]} == {POSED}
    assert entries(path)[6].depends[0] in KIN and entries(path)[7].depends[0] in (*KIN, 6)
    with necgs_cli.open(path) as models:
        for id, bend in ((6, 0.5), (7, 0.6)):
            found = Reference(*frame(bend), 20_000).measure(models[id].vertices, models[id].faces)
            assert found.p2s < 2 * ERROR * 1.05


def test_a_frame_that_is_clearly_cheaper_told_from_the_file_needs_no_search(encoded, tmp_path, monkeypatch):
    searched = []
    search = MeshTask.run
    monkeypatch.setattr(MeshTask, "run", lambda *args: searched.append(args) or search(*args))
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    necgs_cli.append(path, [frame(0.5), trimesh.creation.icosphere(3)], error=ErrorBound(ERROR), workers=1)
    assert len(searched) == 1  # of the sphere
    joined = [entry.kind for entry in entries(path)[6:]]
    assert joined[0] == POSED and joined[1] != POSED

    monkeypatch.setattr(joining, "CLEARLY", 0)  # nothing is: both are searched for
    other = tmp_path / "other.ncgs"
    other.write_bytes(encoded[0])
    necgs_cli.append(other, [frame(0.5), trimesh.creation.icosphere(3)], error=ErrorBound(ERROR), workers=1)
    assert len(searched) == 3
    assert [entry.kind for entry in entries(other)[6:]] == joined


def test_a_frame_with_a_bound_for_its_largest_distance_alone_is_told_from_the_file(encoded, tmp_path, monkeypatch):
    told = []
    run = pose_tasks.PoseTask.run
    monkeypatch.setattr(pose_tasks.PoseTask, "run", lambda task: told.append(task) or run(task))
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    necgs_cli.append(path, [frame(0.5)], max_error=ErrorBound(20 * ERROR), workers=1)
    last = entries(path)[6]
    assert last.kind == POSED and last.depends[0] in KIN
    assert last.max_error <= 2 * 20 * ERROR * 1.01 and 1 <= len(told) <= families.TRIES


def test_a_model_that_is_met_exactly_joins_a_set(encoded, tmp_path):
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    report = necgs_cli.append(path, [trimesh.creation.box()], max_error=ErrorBound(0.01), workers=1)
    assert not report.skipped and report.models[0].max_error < 0.02


def test_a_family_that_does_not_pay_keeps_what_was_told_at_once(encoded, tmp_path, monkeypatch):
    monkeypatch.setattr(families.Families, "_take", lambda *args: None)  # no other is told from it
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    necgs_cli.append(path, [frame(0.5)], error=ErrorBound(ERROR), workers=1)
    last = entries(path)[6]
    assert last.kind == POSED and last.depends[0] in KIN


def test_a_defect_while_telling_costs_the_new_model_only_its_time(encoded, tmp_path, monkeypatch):
    def fails(task):
        raise RuntimeError("singular")

    monkeypatch.setattr(pose_tasks.PoseTask, "run", fails)
    path = tmp_path / "set.ncgs"
    path.write_bytes(encoded[0])
    report = necgs_cli.append(path, [frame(0.5)], error=ErrorBound(ERROR), workers=1)
    assert [model.kind for model in report.models] == ["loop"] and not report.skipped


def test_of_a_file_only_the_last_models_that_can_be_decoded_are_looked_at(encoded, monkeypatch):
    monkeypatch.setattr(references, "MOST_STORED", 3)
    with Container.open(encoded[0]) as container:
        needed = {id: container.entry(id).depends for id in KIN}

    def chain(id):
        return [id, *(k for of in needed[id] for k in chain(of))]

    with Container.open(damaged(encoded[0], 4)) as container:
        stored = references.Stored.of(container)
    expected = [id for id in reversed(KIN) if 4 not in chain(id)][:3]
    assert len(expected) >= 2 and list(stored.coded) == [id - stored.count for id in expected]
    for id, coded in zip(expected, stored.coded.values(), strict=True):
        assert (coded.depth, coded.root) == (len(chain(id)) - 1, KIN[0] - stored.count)


def test_of_a_file_no_more_is_decoded_than_takes_a_moment(encoded, monkeypatch):
    monkeypatch.setattr(references, "MOST_STORED_BYTES", 1)
    with Container.open(encoded[0]) as container:
        stored = references.Stored.of(container)
    assert list(stored.coded) == [max(KIN) - stored.count]


class StopsWhilePosing(Progress):
    """Asks to stop once poses are being fitted."""

    posing = False

    def phase(self, name, total):
        self.posing = name == "fitting like shapes"

    def stopped(self):
        return self.posing


def test_work_stops_between_poses_and_writes_no_set(tmp_path):
    path = tmp_path / "set.ncgs"
    with pytest.raises(NecgsError, match="stopped") as told:
        necgs_cli.encode([frame(0), frame(0.1)], path, OPTIONS, StopsWhilePosing())
    assert told.value.exit_code == 130 and not path.exists()


@pytest.mark.parametrize("distance", [1, 127, 128, 20_000])
def test_what_naming_the_other_model_takes_is_counted(distance):
    record = ModelRecord(POSED, "pose", Placement(128, -7, (0, 0, 0)), b"payload")
    own, posed = (len(make_record(r, distance)) for r in (record, replace(record, depends=(0,))))
    assert posed - own == dependence_bytes(distance)


# hand-made files

OCTAHEDRON = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
SIDES = np.array([(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)])
PLACE = Placement(128, -7, (0, 0, 0))


def chain(grids):
    """An octahedron and poses, each of the one before, as records; and the meshes, numbered as readers see them."""
    start = ControlMesh(sized(0, grids[0]), SIDES, None, SMOOTH, grids[0])
    kind, payload = encode_record(start)
    records, meshes = [ModelRecord(kind, "0.obj", PLACE, payload)], [decode_record(kind, payload)]
    corners = [OCTAHEDRON.tolist().index(np.sign(corner).tolist()) for corner in meshes[0].positions]
    for i, grid in enumerate(grids[1:], 1):
        mesh = replace(meshes[0], positions=sized(i, grid)[corners], grid=grid)
        kind, payload = encode_posed(mesh, meshes[-1])
        records.append(ModelRecord(kind, f"{i}.obj", PLACE, payload, depends=(i - 1,)))
        meshes.append(mesh)
    return records, meshes


def sized(i, grid):
    """Octahedra of about the same size on any grid."""
    return np.rint(OCTAHEDRON * (0.5 + 0.01 * i) / grid_step(grid)).astype(np.int32)


def file_of(records):
    out = io.BytesIO()
    write_container(out, [], records)
    return out.getvalue()


def test_the_grids_of_a_chain_may_rise_and_fall_by_half_bits():
    records, meshes = chain([16, 17, 20, 15, 14, 19, 12])
    with necgs_cli.open(file_of(records)) as models:
        for id in (6, 0, 3, 5):
            wanted = PLACE.to_source(meshes[id].surface()[0])
            assert np.array_equal(models[id].vertices, wanted)


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_of_too_many_poses_is_refused_however_it_is_reached(order):
    records, _ = chain([12] * (MOST_POSES + 3))
    data = file_of(records)
    ids = list(range(len(records)))
    with necgs_cli.open(data) as models:
        found = dict(models.decode_all(ids[::order]))
    refused = {id for id, mesh in found.items() if isinstance(mesh, NecgsError)}
    assert refused == {MOST_POSES + 1, MOST_POSES + 2}
    for id in (MOST_POSES, MOST_POSES + 1):
        with necgs_cli.open(data) as models:
            if id in refused:
                with pytest.raises(NecgsError, match="16 in a row"):
                    models[id]
            else:
                assert len(models[id].faces) == 8 * 16


def test_poses_of_none_of_several_and_of_what_has_no_control_mesh_are_refused():
    (own, pose), _ = chain([12, 12])
    neural = ModelRecord(1, "neural", PLACE, b"feature")
    later = ModelRecord(20, "later", PLACE, b"")
    for depends in ((), (0, 1), (1,), (2,)):
        data = file_of([own, neural, later, replace(pose, depends=depends)])
        with necgs_cli.open(data) as models:
            assert len(models[0].faces) == 8 * 16
            with pytest.raises(NecgsError, match="no pose of one other model|has no control mesh"):
                models[3]


def test_a_pose_of_another_mesh_than_it_was_made_for_ends_in_a_mesh_or_an_error():
    (own, pose), _ = chain([12, 12])
    small = ControlMesh(OCTAHEDRON[[0, 2, 4, 5]].astype(np.int32), np.array([(0, 1, 2), (0, 3, 1)]), None, SMOOTH, 12)
    kind, payload = encode_record(small)
    other = ModelRecord(kind, "other", PLACE, payload)
    with necgs_cli.open(file_of([own, other, replace(pose, depends=(1,))])) as models:
        try:
            assert len(models[2].faces) == 2 * 16
        except NecgsError as error:
            assert error.exit_code == 4


def test_a_family_that_does_not_pay_is_undone(monkeypatch):
    alone = necgs_cli.encode([frame(0)], io.BytesIO(), OPTIONS)
    monkeypatch.setattr(pose_tasks, "ROOT_VERTICES", 8)  # a first record so large that nobody gains from it
    report = necgs_cli.encode([frame(0), frame(0.1)], io.BytesIO(), OPTIONS)
    assert [model.kind for model in report.models] == ["loop", "loop"]
    assert report.models[0].record_bytes == alone.models[0].record_bytes


def test_the_first_of_a_family_learns_from_others_of_it(monkeypatch):
    taught, errors_on_others = [], lessons.errors_on_others

    def listened(mesh, teachers, *args):
        lesson = errors_on_others(mesh, teachers, *args)
        taught.append((len(mesh.positions), [teacher.moved is not None for teacher in teachers], len(lesson.errors)))
        return lesson

    monkeypatch.setattr(lessons, "errors_on_others", listened)
    monkeypatch.setattr(families, "MODELS_A_TEACHER", 2)
    vertices, faces = frame(0.1)
    necgs_cli.encode([frame(0), (vertices, faces[10:]), *map(frame, (0.2, 0.3, 0.4))], io.BytesIO(), OPTIONS)
    assert [same for _, same, _ in taught] == [[False, True]] * (pose_tasks.LESSONS + 1), "two of the other four teach"
    assert all(count > 0 and 1 <= found // lessons.SAMPLES <= 2 for count, _, found in taught)


@pytest.mark.parametrize("goal", [{"error": ErrorBound(ERROR)}, {"target_size": 700}])
def test_a_choice_over_the_set_counts_what_is_told_from_others(goal):
    out, frames = io.BytesIO(), [frame(bend) for bend in (0, 0.1, 0.2, 0.3)]
    report = necgs_cli.encode(frames, out, EncodeOptions(policy="set", workers=1, **goal))
    assert sum(model.kind == "posed" for model in report.models) >= 2 and not report.missed
    with necgs_cli.open(out.getvalue()) as models:
        found = [Reference(*f, 20_000).measure(m.vertices, m.faces).p2s for f, m in zip(frames, models, strict=True)]
    if "error" in goal:
        assert np.mean(found) < 2 * ERROR * 1.03
    else:
        assert len(out.getvalue()) <= 700


def test_a_defect_in_a_family_costs_no_model(monkeypatch):
    def fails(task):
        raise RuntimeError("singular")

    class Listens(Progress):
        said = ""

        def warn(self, text):
            self.said += text

    monkeypatch.setattr(pose_tasks.PoseTask, "run", fails)
    listens = Listens()
    report = necgs_cli.encode([frame(0), frame(0.1)], io.BytesIO(), OPTIONS, listens)
    assert [model.kind for model in report.models] == ["loop", "loop"] and not report.skipped
    assert "model_1 keeps a record of its own: a defect" in listens.said and "singular" in listens.said


def test_a_frame_depends_on_what_it_was_told_from_whatever_is_coded_meanwhile(monkeypatch):
    """The last frame's record is found while that before it is; told here from the farthest of those at hand."""
    farthest = iter(range(0, -1000, -1))
    monkeypatch.setattr(pose, "_apart", lambda mesh, vertices: next(farthest))
    frames, out = [frame(bend) for bend in (0, 0.3, 0.38, 0.32)], io.BytesIO()
    report = necgs_cli.encode(frames, out, OPTIONS)
    assert [model.kind for model in report.models[1:]] == ["posed"] * 3
    assert [entry.depends for entry in entries(out.getvalue())][3] == (0,)
    with necgs_cli.open(out.getvalue()) as models:
        found = [Reference(*f, 20_000).measure(m.vertices, m.faces).p2s for f, m in zip(frames, models, strict=True)]
    assert max(found) < 2 * ERROR * 1.05


@pytest.mark.parametrize("policy", ["each", "set"])
def test_a_record_that_does_not_decode_to_what_was_measured_is_not_stored(policy, monkeypatch):
    class Listens(Progress):
        said = ""

        def warn(self, text):
            self.said += text

    run = pose_tasks.PoseTask.run
    monkeypatch.setattr(pose_tasks.PoseTask, "run", lambda task: [replace(r, check=r.check ^ 1) for r in run(task)])
    listens = Listens()
    options = EncodeOptions(error=ErrorBound(ERROR), workers=1, policy=policy)
    report = necgs_cli.encode([frame(0), frame(0.1)], io.BytesIO(), options, listens)
    assert [model.kind for model in report.models] == ["loop", "loop"] and not report.skipped
    assert f"model_1: {families.MISMATCH}" in listens.said


@pytest.mark.parametrize("goal", [{}, {"policy": "set"}, {"target_size": 400}])
def test_models_that_are_met_exactly_have_a_finite_price(goal, monkeypatch):
    allowed = []
    cost = pose_tasks.Allowed.cost
    monkeypatch.setattr(pose_tasks.Allowed, "cost", lambda self, record: allowed.append(self) or cost(self, record))
    boxes = [(box.vertices, box.faces) for box in map(trimesh.creation.box, [(2, 2, 2), (2, 2, 2)])]
    report = necgs_cli.encode(boxes, io.BytesIO(), EncodeOptions(workers=1, **goal))
    assert not report.missed and not report.skipped and all(np.isfinite(a.price or 0) for a in allowed)
    assert np.isfinite(cost(pose_tasks.Allowed(0.0, np.inf, 5.0), CodedMesh(5, b"", 0.0, 0.0, 0.0, 8)))
