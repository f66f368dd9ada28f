"""What a run learnt from, kept in its folder: a damaged file says nothing, and stops nobody."""

import numpy as np
import pytest

from pretune.training.data.seen import FILE, NOTHING, UNKNOWN, seen_by, write_seen

DIGESTS = np.array([3, 5], np.uint64)
CHANGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-40],
    "a bit of its numbers": lambda data: data[:150] + bytes([data[150] ^ 1]) + data[151:],
    "a bit of how it is packed": lambda data: data[:8] + bytes([data[8] ^ 64]) + data[9:],
    "text": lambda data: b"[]",
}


def test_it_grows(tmp_path):
    write_seen(tmp_path, NOTHING, DIGESTS)
    found = seen_by(tmp_path)
    assert found.digests.tolist() == [3, 5] and found.complete
    write_seen(tmp_path, found, np.array([1], np.uint64))
    assert seen_by(tmp_path).digests.tolist() == [1, 3, 5]


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_file_is_none(tmp_path, change):
    write_seen(tmp_path, NOTHING, DIGESTS)
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(CHANGES[change](data))
    found = seen_by(tmp_path)
    assert found is UNKNOWN or (found.complete and found.digests.tolist() == [3, 5])


@pytest.mark.parametrize(
    ("digests", "complete"),
    [(DIGESTS.astype(float), True), (DIGESTS[None], True), (np.array(["a"]), True), (DIGESTS, [True]), (DIGESTS, 1)],
)
def test_arrays_of_another_kind_are_none_of_ours(tmp_path, digests, complete):
    np.savez(tmp_path / FILE, digests=digests, complete=complete)
    assert seen_by(tmp_path) is UNKNOWN


def test_a_folder_in_its_place_is_none(tmp_path):
    (tmp_path / FILE).mkdir()
    assert seen_by(tmp_path) is UNKNOWN and seen_by(tmp_path / "nowhere") is UNKNOWN
