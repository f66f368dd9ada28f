"""Which samples are held out where there is no test split: by what they are, so that nobody ever trains on them."""

import hashlib
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..modalities.digests import digests_of
from ..modalities.picked import in_parts
from .samples import ALONE, Samples

SHARE = 0.2
# Raised with any change of what is held out. 1 was a stratified fifth of the rows as they stood; 2 goes by each
# sample's content, 3 by the names of groups where there are some, 4 keeps pages, frames and windows of one file
# together, and blank samples connect no groups, 5 takes numbers of more than 8 bits alike in whatever type they came
# and names of groups alike as 1 and 1.0. Numbers on samples that were held out by different versions are never
# compared.
VERSION = 5


def is_held_out(keys: np.ndarray) -> np.ndarray:
    """(N,) uint64 digests -> (N,) bool: about `SHARE` of all that there can be."""
    return keys < np.uint64(SHARE * 2**64)


def hold_out(data: Samples) -> tuple[Samples, Samples]:
    """(the rest, the part held out), the same whatever else is in the dataset.

    Each sample's own content decides, so neither labels nor order, kind of file or further samples move one to the
    other side, and no run's seed. Equal samples are on one side. With groups the group's name decides, for all groups
    together that equal samples connect; blank ones, such as the outer slices of volumes, connect none.

    Raises:
        InputError: there are fewer than two different samples or groups.
    """
    keys = data.digests if data.groups is None else _keys_of_groups(data.digests, data.groups, _blank(data))
    held = is_held_out(keys)
    if held.all() or not held.any():  # few samples: one is held out, or kept, in any case
        held = keys == keys.min() if not held.any() else keys != keys.max()
    if held.all() or not held.any():
        what = "samples are all the same" if data.groups is None else "samples are all of one group"
        raise InputError(f"{data.name}: its {len(data)} {what}, so no part can be held out. Pass --eval_split none.")
    kept, judged = data.select(np.flatnonzero(~held)), data.select(np.flatnonzero(held))
    return kept, replace(judged, name=f"{data.name} (held out)", held_out=True)


def _blank(data: Samples) -> np.ndarray:
    """(N,) bool: samples of one value alone."""
    if not np.issubdtype(data.stored.dtype, np.number):
        return np.zeros(len(data), dtype=bool)
    flat = (part.reshape(len(part), -1) for part in in_parts(data.rows_stored))
    return np.concatenate([part.min(1) == part.max(1) for part in flat])


def _keys_of_groups(digests: np.ndarray, groups: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """(N,) digests, (N,) groups and (N,) bool -> (N,) uint64: one for all samples that equal samples, unless they are
    blank, or groups connect.

    It is a digest of the smallest of their names' digests: the smallest itself would be the smaller, and held out the
    more often, the more of them there are.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(digests)
    _, content = np.unique(digests, return_inverse=True)
    content[blank] = content.max() + 1 + np.arange(blank.sum())
    names, group = np.unique(groups, return_inverse=True)
    links = coo_array((np.ones(count, dtype=bool), (content, group + content.max() + 1)), shape=(3 * count, 3 * count))
    _, part = connected_components(links, directed=False)
    own = np.asarray([int.from_bytes(hashlib.blake2b(n.encode(), digest_size=8).digest(), "little") for n in names])
    most = np.iinfo(np.uint64).max
    content_alone = np.where(blank, most, digests)
    own = np.where(np.char.startswith(names, ALONE)[group], content_alone, own.astype(np.uint64)[group])
    smallest = np.full(part.max() + 1, most, dtype=np.uint64)
    np.minimum.at(smallest, part[content], own)
    return digests_of(smallest[:, None])[part[content]]
