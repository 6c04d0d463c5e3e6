import json

import pytest
from fake_library import model_result, report


@pytest.fixture(autouse=True)
def a_set(library, tmp_path):
    (tmp_path / "set.ncgs").write_bytes(b"x" * 60)
    library.report = report([model_result(2, "new.obj", p2s=4e-3)], warnings=["far from the set"], set_p2s=2e-3)


def test_the_new_models_stand_beside_the_set(necgs, library):
    result = necgs("append", "set.ncgs", "new.obj", "--seed", "3", "--device", "cpu", "--time-budget", "20s")
    assert result.exit_code == 0, result.output
    out = " ".join(result.stdout.split())
    assert "new models 1" in out and "bytes added 40" in out
    assert "p2s, new 4.00e-03" in out and "p2s, set 2.00e-03" in out
    assert "warning: far from the set" in result.stderr
    call = library.calls[0][1]
    assert call.inputs == ["new.obj"] and str(call.output) == "set.ncgs"
    assert call.options == {
        "device": "cpu", "seed": 3, "workers": None, "strict": False, "time_budget": 20, "keep_interior": False,
            "error": None, "max_error": None,
    }  # fmt: skip


def test_json_carries_both_distortions(necgs):
    found = json.loads(necgs("append", "set.ncgs", "new.obj", "--json").stdout)
    assert found["p2s"] == 4e-3 and found["set_p2s"] == 2e-3 and found["added_bytes"] == 40


def test_skipped_inputs_give_exit_code_3(necgs, library):
    library.report = report([model_result(2, "new.obj")], skipped=[("bad.obj", "no faces")], set_p2s=2e-3)
    result = necgs("append", "set.ncgs", "new.obj", "bad.obj")
    assert result.exit_code == 3 and "skipped bad.obj: no faces" in result.stderr


def test_a_set_that_is_not_there_is_wrong_usage(necgs, library):
    assert necgs("append", "other.ncgs", "new.obj").exit_code == 2
    assert not library.calls
