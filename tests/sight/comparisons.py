"""Comparisons and scenes as `necgs compare` hands them to the report, made of small shapes."""

import numpy as np
from plain_sets import ball

from necgs_cli.report.html import Scene


def row(id, name, p2s=2e-3, **changes):
    """A model of a comparison."""
    figures = {"kind": "triangles", "record_bytes": 200, "source_bytes": 10_000, "raw_bytes": 8_000}
    figures |= {"longest_side": 4.0}
    factors = {"mean_error": 2, "p99": 4, "max_error": 10}
    figures |= {key: None if p2s is None else factor * p2s for key, factor in factors.items()}
    figures |= {"normal_consistency": 0.98}
    figures |= {"cd": None, "cd_floor": None, "f1_005": None, "f1_005_floor": None, "f1_01": None, "f1_01_floor": None}
    return {"id": id, "name": name, "p2s": p2s, **figures, "recorded_p2s": p2s, "peers": {}} | changes


def comparison(rows, **changes):
    """The comparison of these models."""
    total = sum(each["record_bytes"] for each in rows)
    errors = [each["p2s"] for each in rows if each["p2s"] is not None] or [0]
    summary = {"models": len(rows), "source_bytes": 10_000 * len(rows), "raw_bytes": 8_000 * len(rows)}
    summary |= {"file_bytes": total + 20, "ratio_disk": 40.0, "ratio_raw": 32.0, "p2s": float(np.mean(errors))}
    summary |= {"p99": 4 * max(errors), "max_error": 10 * max(errors), "normal_consistency": 0.98}
    found = {"set": "some/set.ncgs", "file_bytes": total + 20, "models": rows, "summary": summary}
    found |= {"sections": [{"label": "header", "bytes": 20}, {"label": "record payloads", "bytes": total}]}
    return found | {"peers": [], "missing": [], "skipped": []} | changes


def scene(name="ball.ply", side=4.0, place=0.0, subdivisions=3, **changes):
    """A ball and a slightly larger one; the upper half of both has an error, the lower half has none."""
    vertices, faces = ball(side / 2, subdivisions)
    error = np.where(vertices[:, 1] > 0, 0.02 * side, 0.0)
    original, decoded = (vertices + place, faces, error), (1.02 * vertices + place, faces, error)
    return Scene(name, original, decoded, **changes)
