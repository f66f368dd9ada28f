"""What is held out follows from each sample's content: no label, order, format or further sample moves it."""

import numpy as np
import PIL.Image
import pytest

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.columns import read_groups
from pretune.training.data.holding_out import SHARE, hold_out, is_held_out
from pretune.training.data.loading import load_data
from pretune.training.data.samples import ALONE, Samples, overlap, split_off, subset
from pretune.training.errors import InputError
from pretune.training.modalities.image import IMAGE

IMAGES = np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8)


def samples(values=IMAGES, labels=None, groups=None):
    names = None if labels is None else [str(k) for k in range(int(max(labels)) + 1)]
    values = np.asarray(values)[:, None] if np.ndim(values) == 3 else values
    return Samples(IMAGE, values, labels, names, "d", "f", groups=groups)


def held(path, **options):
    """The digests of what is held out of a dataset."""
    _, evaluation = load_data(DataArguments(dataset=str(path), **options), IMAGE)
    return set(evaluation.digests.tolist())


def test_labels_order_format_and_layout_change_nothing(tmp_path):
    labels, order = np.arange(200) % 3, np.random.default_rng(1).permutation(200)
    np.save(tmp_path / "bare.npy", IMAGES)
    np.savez(tmp_path / "labelled.npz", image=IMAGES[order], label=labels[order])
    np.savez(tmp_path / "partly.npz", image=IMAGES, label=np.where(labels == 2, -1, labels))
    np.save(tmp_path / "colour.npy", np.stack([IMAGES] * 3, -1))
    for kind in ("png", "bmp", "tiff"):
        for k, image in enumerate(IMAGES):
            path = tmp_path / kind / "abc"[labels[k]] / f"{order[k]}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(image).save(path)
    expected = held(tmp_path / "bare.npy")
    assert 0.1 < len(expected) / 200 < 0.3
    for name in ("labelled.npz", "partly.npz", "colour.npy", "png", "bmp", "tiff"):
        assert held(tmp_path / name) == expected, name


def test_pictures_that_are_resized_are_held_out_as_they_were(tmp_path):
    (tmp_path / "p").mkdir()
    for k, image in enumerate(IMAGES):
        PIL.Image.fromarray(image).save(tmp_path / "p" / f"{k}.png")
    sizes = [{}, {"image_size": 16}, {"image_size": 4, "num_channels": 3}]
    arguments = DataArguments(dataset=str(tmp_path / "p"), fit_images=True)
    found = [load_data(arguments, IMAGE, wanted)[1] for wanted in sizes]
    assert len({data.values.shape for data in found}) == 3
    assert len({tuple(data.rows) for data in found}) == 1


def test_further_samples_move_none():
    _, few = hold_out(samples(IMAGES[:120]))
    kept, many = hold_out(samples())
    assert set(few.digests) <= set(many.digests) and not set(few.digests) & set(kept.digests)


def test_duplicates_are_on_one_side():
    kept, judged = hold_out(samples(np.concatenate([IMAGES, IMAGES[::-1], IMAGES[:50]])))
    assert overlap(kept, judged).same == 0 and len(kept) + len(judged) == 450


def test_the_share_is_about_a_fifth():
    keys = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64)
    assert abs(is_held_out(keys).mean() - SHARE) < 0.005


@pytest.mark.parametrize("count", range(2, 12))
def test_of_few_samples_both_parts_have_some(count):
    for start in range(0, 60, 6):
        kept, judged = hold_out(samples(IMAGES[start : start + count]))
        assert len(kept) and len(judged)


def test_nothing_to_hold_out_is_an_error():
    with pytest.raises(InputError, match="are all the same.*--eval_split none"):
        hold_out(samples(IMAGES[:1].repeat(5, 0)))
    with pytest.raises(InputError, match="all of one group"):
        hold_out(samples(groups=np.full(200, "p")))


def test_pretraining_goes_on_where_nothing_can_be_held_out(caplog):
    data = DataArguments(dataset=IMAGES[:1].repeat(3, 0))
    assert load_data(data, IMAGE)[1] is None
    with pytest.raises(InputError, match="all the same"):
        load_data(DataArguments(dataset=(IMAGES[:1].repeat(3, 0), np.arange(3))), IMAGE, need_labels=True)


# --- groups ----------------------------------------------------------------------------------------------------------

PATIENTS = np.asarray([f"p{k // 4:02}" for k in range(200)])
PATIENTS[:10] = [f"{ALONE}d {k}" for k in range(10)]


def test_no_group_is_split_whatever_holds_out():
    labels = np.arange(200) // 2 % 2
    data = samples(labels=labels, groups=PATIENTS)
    for kept, judged in (hold_out(data), split_off(data, 0.2, 0, "")):
        assert not set(kept.groups) & set(judged.groups) and 0.05 < len(judged) / 200 < 0.4
        assert np.bincount(judged.labels).min() > 0


def test_a_group_stays_where_it_is_when_samples_are_added_and_its_size_does_not_decide():
    some = PATIENTS != "p20"
    _, few = hold_out(samples(IMAGES[some], groups=PATIENTS[some]))
    kept, many = hold_out(samples(groups=PATIENTS))
    assert set(few.groups) <= set(many.groups) and not set(few.groups) & set(kept.groups)
    large = np.asarray([f"site {k}" for k in np.arange(200) // 50])
    shares = [len(hold_out(samples(groups=np.char.add(large, f" {k}")))[1]) / 200 for k in range(40)]
    assert 0.1 < np.mean(shares) < 0.4


def test_a_groups_name_decides_and_not_which_of_its_samples_are_there():
    named = np.arange(10, 200)  # the first ten are of no group, and go by their content
    _, whole = hold_out(samples(IMAGES[named], groups=PATIENTS[named]))
    for part in (named[::2], named[1::2]):
        _, half = hold_out(samples(IMAGES[part], groups=PATIENTS[part]))
        assert set(half.groups) == set(whole.groups) & set(PATIENTS[part])


def test_equal_samples_bind_their_groups_together():
    groups = np.asarray([f"q{k % 50}" for k in range(200)])
    values = IMAGES.copy()
    values[1] = values[0]  # q0 and q1 share a picture
    for change in range(20):
        renamed = np.char.add(groups, str(change))
        kept, judged = hold_out(samples(values, groups=renamed))
        assert overlap(kept, judged).same == 0
        assert (f"q0{change}" in kept.groups) == (f"q1{change}" in kept.groups)


def test_a_column_of_groups(tmp_path):
    patients = np.arange(200) // 10
    np.savez(tmp_path / "d.npz", image=IMAGES, label=np.arange(200) % 2, patient=patients)
    arguments = DataArguments(dataset=str(tmp_path / "d.npz"), group_column="patient")
    kept, judged = load_data(arguments, IMAGE)
    assert not set(kept.groups) & set(judged.groups) and len(kept) + len(judged) == 200
    drawn = subset(kept, None, 10, seed=0)
    assert len(np.unique(drawn.groups[drawn.labels == 0])) <= 3  # group by group, five of each class in each
    with pytest.raises(InputError, match="no array 'camera' .*--group_column"):
        load_data(DataArguments(dataset=str(tmp_path / "d.npz"), group_column="camera"), IMAGE)


# --- what two sets have in common ------------------------------------------------------------------------------------


def test_near_duplicates_are_counted_and_others_are_not():
    rng = np.random.default_rng(0)
    smooth = [PIL.Image.fromarray(rng.integers(0, 256, (6, 6), dtype=np.uint8)).resize((32, 32)) for _ in range(40)]
    train = np.stack([np.asarray(image) for image in smooth])
    copies = np.stack([np.asarray(image.resize((24, 24)).resize((32, 32))) for image in smooth[:5]])
    brighter = (train[5:8] * 0.8 + 30).astype(np.uint8)
    others = np.stack([np.asarray(PIL.Image.fromarray(own).rotate(90)) for own in train[10:30]])
    test = samples(np.concatenate([copies, brighter, train[8:10], others]))
    found = overlap(samples(train), test)
    assert (found.same, found.nearly, found.groups) == (2, 8, None)
    told = found.sentences(samples(train), test)
    assert "2 of 30 test images are also training images" in told[0] and "8 of 30" in told[1]
    assert overlap(samples(train), test, near=False).nearly == 0


def test_flat_and_tiny_pictures_are_no_near_duplicates():
    flat = np.full((6, 32, 32), np.arange(6)[:, None, None], dtype=np.uint8)
    assert overlap(samples(flat[:3]), samples(flat[3:])).nearly == 0
    assert overlap(samples(IMAGES[:100]), samples(IMAGES[100:])).nearly == 0


def test_groups_in_both_sets_are_counted():
    first, second = (
        samples(groups=PATIENTS).select(np.arange(102)),
        samples(groups=PATIENTS).select(np.arange(102, 200)),
    )
    assert overlap(first, second).groups == 2
    assert "of a group that is in training too" in overlap(first, second).sentences(first, second)[0]


def test_a_group_is_the_same_however_its_name_is_written():
    assert read_groups([1.0, 1, "1", b"1", " 1 "], "d").tolist() == ["1"] * 5
    assert len(set(read_groups([None, float("nan"), " "], "d"))) == 3
