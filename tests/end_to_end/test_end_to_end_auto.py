"""What `auto` puts into a file: the smaller records, by measured size."""

import dataclasses

import numpy as np
import pytest

import necgs_cli
from necgs_cli import auto
from necgs_cli.auto import smaller_of_each
from necgs_cli.bitstream.container import ModelRecord, SetSection
from necgs_cli.encoding import Encoded
from necgs_cli.meshes.placement import Placement
from necgs_cli.model import capacity
from necgs_cli.model.capacity import predicted_bytes
from necgs_cli.options import EncodeOptions, ErrorBound


def encoded(sizes: list[int], p2s: float, decoder: int = 0) -> Encoded:
    placement = Placement.of(np.array([[-1.0, -1, -1], [1, 1, 1]]))
    records = [ModelRecord(3, f"m{i}", placement, bytes(size), p2s, 2 * p2s) for i, size in enumerate(sizes)]
    sections = [SetSection(1, bytes(decoder))] if decoder else []
    return Encoded([None] * len(sizes), records, sections, [], ["flood"] * len(sizes), "records")


def test_a_decoder_is_kept_where_the_measured_file_is_smaller():
    both = smaller_of_each(encoded([900, 900, 100], 1e-3), encoded([300, 300, 300], 1e-3, decoder=500))
    assert [len(r.payload) for r in both.records] == [300, 300, 100]
    assert len(both.sections) == 1 and both.signs == ["flood", "flood", ""]
    assert "2 neural records and 1 mesh records" in both.decision


@pytest.mark.parametrize(
    "neural", [encoded([300, 300, 300], 1e-3, decoder=1300), encoded([300, 300, 300], 1.1e-3, decoder=100)]
)
def test_mesh_records_stay_where_the_decoder_costs_more_or_its_models_are_worse(neural):
    mesh = encoded([900, 900, 100], 1e-3)
    both = smaller_of_each(mesh, neural)
    assert both.records == mesh.records and both.sections == []


def test_the_prediction_repeats_what_was_measured_and_falls_with_the_set():
    assert predicted_bytes(48, 1.86e-3) / 48 == pytest.approx(1947, rel=0.01)
    assert predicted_bytes(480, 1.86e-3) / 480 < 0.8 * 1947
    assert predicted_bytes(48, 0.93e-3) > 1.4 * predicted_bytes(48, 1.86e-3)


@pytest.mark.parametrize("pays", [True, False])
def test_a_decoder_is_trained_only_where_it_is_predicted_to_pay(pays, monkeypatch, tmp_path):
    trained = []
    monkeypatch.setattr(capacity, "FEATURE_BYTES", 1e-12 if pays else 1e6)
    monkeypatch.setattr(capacity, "DECODER_BYTES", 1)

    def encode_neural(items, options, machine, *_):
        trained.append(options)
        return dataclasses.replace(encoded([1, 1], 1.0, decoder=10), records=[], signs=[])

    monkeypatch.setattr(auto, "encode_neural", encode_neural)
    box = np.array([[x, y, z] for x in (0.0, 1) for y in (0, 1) for z in (0, 1)])
    faces = np.array([[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5], [2, 3, 7], [2, 7, 6]])
    options = EncodeOptions(error=ErrorBound(0.001), time_budget=30, workers=1)
    report = necgs_cli.encode([(box, faces), (2 * box, faces)], tmp_path / "x.ncgs", options)
    assert len(trained) == int(pays)
    assert "mesh records" in report.decision
    if pays:
        assert trained[0].codec == "neural" and 0 < trained[0].time_budget <= 30
