import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from necgs_cli.cli.parse import parse_device, parse_duration, parse_ids
from necgs_cli.cli.selection import NoSuchModel, select_models


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("0.5", 0.5), ("10m", 600), ("10min", 600), ("1h30m", 5400), ("1.5h", 5400),
     ("1h 30m 5s", 5405), ("2H", 7200)],
)  # fmt: skip
def test_durations_are_read_as_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "abc", "-5", "0", "0s", "10m1h", "1e3", "5 apples", "٣", "nan", "inf"])
def test_what_is_no_duration_is_wrong_usage(text):
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_ids_and_ranges_include_both_ends():
    ids = [id for part in parse_ids("3,5, 10-12,7-7") for id in part]
    assert ids == [3, 5, 10, 11, 12, 7]


@pytest.mark.parametrize("text", ["", "a", "-1", "5-3", "1,,2", "1-2-3", "1.5", "٣", "9" * 30])
def test_what_is_no_id_is_wrong_usage(text):
    with pytest.raises(typer.BadParameter):
        parse_ids(text)


@given(st.text(max_size=30))
def test_any_text_is_ids_or_wrong_usage(text):
    try:
        ranges = parse_ids(text)
    except typer.BadParameter:
        return
    assert ranges and all(len(part) >= 1 and part[0] >= 0 for part in ranges)


@pytest.mark.parametrize("text", ["auto", "cpu", "cuda"])
def test_devices_are_known(text):
    assert parse_device(text) == text


@pytest.mark.parametrize("text", ["gpu", "cuda:0", "", "CPU "])
def test_what_is_no_device_is_wrong_usage(text):
    with pytest.raises(typer.BadParameter):
        parse_device(text)


NAMES = ["a/chair.obj", "a/table.obj", "b/chair2.obj", "[x].obj"]


def test_selection_is_ascending_and_each_model_once():
    assert select_models(NAMES, parse_ids("2,0-1,1"), ["a/chair.obj"], False) == [0, 1, 2]


def test_names_match_globs_and_literal_names():
    assert select_models(NAMES, [], ["*chair*"], False) == [0, 2]
    assert select_models(NAMES, [], ["[x].obj"], False) == [3]


def test_a_huge_range_costs_nothing_and_names_the_first_missing_id():
    with pytest.raises(NoSuchModel, match="no model 4: the set holds 4 .ids 0 to 3."):
        select_models(NAMES, parse_ids("0-99999999999999999"), [], False)


def test_a_name_that_matches_nothing_fails():
    with pytest.raises(NoSuchModel, match="sofa"):
        select_models(NAMES, [], ["sofa*"], False)


def test_a_set_of_one_needs_no_selection_and_a_larger_one_does():
    assert select_models(["x.obj"], [], [], False) == [0]
    with pytest.raises(typer.BadParameter, match="4 models"):
        select_models(NAMES, [], [], False)
