import os
import stat
import subprocess
import sys
from dataclasses import replace

import pytest
from samples import MODELS, MORE, SECTIONS, content

from necgs_cli.bitstream import storage
from necgs_cli.bitstream.container import Container, DamagedFile, FileBusy, append_records, write_container


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "set.ncgs"
    write_container(path, SECTIONS, MODELS)
    return path


class DiskFull(OSError):
    pass


def fail_after(monkeypatch, count: int, cleanup: bool) -> None:
    """Makes the disk refuse after `count` bytes; without `cleanup` nothing works after that, as in a crash."""
    left = [count]

    def write_all(file, data):
        part = data[: left[0]]
        left[0] -= len(part)
        file.write(part)
        if len(part) < len(data):
            raise DiskFull("no space left on device")

    monkeypatch.setattr(storage, "write_all", write_all)
    if not cleanup:
        original = storage.append

        def append(file, end, body, footer):
            class Dead:
                """The file of a process that is gone: after the failure it does nothing any more."""

                def __getattr__(self, name):
                    return getattr(file, name)

                def truncate(self, size):
                    if left[0]:
                        file.truncate(size)

            original(Dead(), end, body, footer)

        monkeypatch.setattr(storage, "append", append)


def appended_bytes(path) -> int:
    copy = path.with_name("copy.ncgs")
    copy.write_bytes(path.read_bytes())
    append_records(copy, MORE)
    return copy.stat().st_size - path.stat().st_size


def test_an_append_that_fails_at_any_byte_leaves_the_file_as_it_was(path, monkeypatch):
    before = path.read_bytes()
    for count in range(appended_bytes(path)):
        with monkeypatch.context() as patch:
            fail_after(patch, count, cleanup=True)
            with pytest.raises(DiskFull):
                append_records(path, MORE)
        assert path.read_bytes() == before


def test_a_crash_at_any_byte_of_an_append_loses_nothing_and_a_rerun_works(path, monkeypatch):
    before = path.read_bytes()
    with Container.open(path) as container:
        held = content(container)
    total = appended_bytes(path)
    for count in range(1, total):
        with monkeypatch.context() as patch:
            fail_after(patch, count, cleanup=False)
            with pytest.raises(DiskFull):
                append_records(path, MORE)
        assert path.stat().st_size == len(before) + count
        with Container.open(path) as container:
            assert content(container) == held
            assert container.unfinished_bytes == count
        if count % 7 == 0:
            append_records(path, MORE)
            with Container.open(path) as container:
                assert container.check() == [] and len(container) == len(MODELS) + len(MORE)
            assert path.read_bytes().startswith(before)
        path.write_bytes(before)


def test_append_refuses_to_cut_away_damaged_models(path):
    place = path.stat().st_size  # of the second catalogue
    append_records(path, MORE)
    data = path.read_bytes()
    for offset in range(place, place + 20):
        broken = bytearray(data)
        broken[offset] ^= 0x10
        path.write_bytes(broken)
        with pytest.raises(DamagedFile, match="recover"):
            append_records(path, MORE)
        assert path.read_bytes() == broken


def test_append_to_what_is_no_set_changes_nothing(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my notes")
    with pytest.raises(DamagedFile):
        append_records(path, MORE)
    assert path.read_bytes() == b"my notes"
    with pytest.raises(FileNotFoundError):
        append_records(tmp_path / "missing.ncgs", MORE)
    assert not (tmp_path / "missing.ncgs").exists()


def test_models_that_cannot_be_stored_leave_the_file_alone(path):
    before = path.read_bytes()
    with pytest.raises(ValueError):
        append_records(path, [MORE[0], MORE[0].__class__(**{**vars(MORE[0]), "name": "\0"})])
    assert path.read_bytes() == before


def test_a_new_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "set.ncgs"
    monkeypatch.setattr(storage, "sync", lambda file: (_ for _ in ()).throw(DiskFull("no space left")))
    with pytest.raises(DiskFull):
        write_container(path, SECTIONS, MODELS)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"what was there")
    with pytest.raises(DiskFull):
        write_container(path, SECTIONS, MODELS)
    assert path.read_bytes() == b"what was there" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="modes and links of POSIX")
def test_replacing_a_file_keeps_its_mode_and_the_link_to_it(path):
    path.chmod(0o640)
    link = path.with_name("link.ncgs")
    link.symlink_to(path)
    write_container(link, [], [])
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640
    with Container.open(path) as container:
        assert len(container) == 0


@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
def test_a_device_is_written_and_not_replaced():
    write_container("/dev/null", SECTIONS, MODELS)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


HOLD = """
import sys
from necgs_cli.bitstream.storage import locked
with locked(sys.argv[1]):
    print(1, flush=True)
    input()
"""


def test_a_second_change_at_once_is_refused(path):
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "1\n"
        with pytest.raises(FileBusy, match="another process"):
            append_records(path, MORE)
        with pytest.raises(FileBusy, match="another process"):
            write_container(path, [], [])
        with Container.open(path) as container:  # reading goes on
            assert len(container) == len(MODELS)
        assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
        other.communicate("\n")
    assert append_records(path, MORE) == range(3, 5)


def test_models_depend_on_those_that_were_known_even_if_the_file_has_grown(path):
    known = len(MODELS)
    of_the_file, of_each_other = (replace(MORE[0], name=f"new {of}", depends=(of,)) for of in (1, known))
    append_records(path, MORE)  # by somebody else, meanwhile
    ids = append_records(path, [of_the_file, of_each_other], known=known)
    first = known + len(MORE)
    assert ids == range(first, first + 2)
    with Container.open(path) as container:
        assert [container.entry(id).depends for id in ids] == [(1,), (first,)]
