import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from utils.provenance import hashes
from utils.provenance.hashes import file_hash, files_hash


def test_a_file_s_hash_is_sha256(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"a 1 0\n")
    assert file_hash(tmp_path / "list.txt") == hashlib.sha256(b"a 1 0\n").hexdigest()


def test_a_large_file_is_told_by_size_head_and_tail(tmp_path, monkeypatch):
    monkeypatch.setattr(hashes, "LARGE", 8)
    monkeypatch.setattr(hashes, "END", 2)
    found = {}
    for content in (b"0123456789", b"x123456789", b"012345678x", b"0123x56789", b"01234567890"):
        (tmp_path / "weights").write_bytes(content)
        found[content] = file_hash(tmp_path / "weights")
    assert found[b"0123456789"] == "10-" + hashlib.sha256(b"0189").hexdigest()
    assert len(set(found.values())) == 4  # only the middle is not looked at
    assert found[b"0123x56789"] == found[b"0123456789"]


names = st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=3)


@settings(deadline=None)
@given(names, names)
def test_files_have_one_hash_only_if_names_and_contents_agree(some, others):
    assert (files_hash(some) == files_hash(others)) == (some == others)
    assert files_hash(some) == files_hash(dict(reversed(some.items())))


def test_no_byte_changes_sides():
    assert files_hash({"a": b"bc"}) != files_hash({"ab": b"c"})
    assert files_hash({"a": b"", "b": b""}) != files_hash({"a": b"\0\0\0\0\0\0\0\1b"})
