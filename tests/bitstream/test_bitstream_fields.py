import hypothesis.strategies as st
import pytest
from hypothesis import given

from necgs_cli.bitstream.errors import DamagedFile
from necgs_cli.bitstream.fields import ByteReader, ByteWriter

FIELDS = {
    "u8": st.integers(0, 255),
    "u16": st.integers(0, 65535),
    "u32": st.integers(0, (1 << 32) - 1),
    "f64": st.floats(allow_nan=False),
    "varint": st.integers(0, (1 << 64) - 1),
    "zigzag": st.integers(-(1 << 63), (1 << 63) - 1),
    "counted": st.binary(max_size=300),
}
ANY_FIELD = st.one_of([st.tuples(st.just(name), values) for name, values in FIELDS.items()])


@given(st.lists(ANY_FIELD, max_size=12))
def test_fields_come_back(sequence):
    writer = ByteWriter()
    for name, value in sequence:
        getattr(writer, name)(value)
    reader = ByteReader(bytes(writer))
    assert [getattr(reader, name)() for name, _ in sequence] == [value for _, value in sequence]
    assert reader.remaining == 0 and reader.position == len(writer)


@given(st.binary(max_size=40), st.lists(st.sampled_from(sorted(FIELDS)), max_size=8))
def test_any_bytes_give_fields_or_damage(data, names):
    reader = ByteReader(data)
    try:
        for name in names:
            getattr(reader, name)()
    except DamagedFile as error:
        assert 0 <= error.offset <= len(data)


@pytest.mark.parametrize("data", [b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x00", b"\x80", b""])
def test_a_varint_is_bounded(data):
    with pytest.raises(DamagedFile):
        ByteReader(data).varint()


def test_a_length_is_bounded_before_it_is_believed():
    with pytest.raises(DamagedFile, match="remain"):
        ByteReader(b"\xff\xff\xff\xff\x7fabc").counted()
    with pytest.raises(DamagedFile, match="at most 2"):
        ByteReader(b"\x03abc").counted(most=2)


@pytest.mark.parametrize(
    "name, value", [("u8", 256), ("u16", -1), ("u32", 1 << 32), ("varint", -1), ("varint", 1 << 64)]
)
def test_numbers_that_do_not_fit_are_refused(name, value):
    with pytest.raises(ValueError):
        getattr(ByteWriter(), name)(value)
