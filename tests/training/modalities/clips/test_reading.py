"""Sound of every kind -> stored windows: rates, channels, damage, long files, layouts."""

import io

import numpy as np
import pytest
import soundfile
from clips_of_all_kinds import KINDS, WHOLE, save_digits, tone, write

from pretune.training.command.arguments.data import DataArguments, InMemory
from pretune.training.data.loading import load_data
from pretune.training.errors import InputError
from pretune.training.modalities.clips import decoding
from pretune.training.modalities.clips.decoding import Plan, pieces_of
from pretune.training.modalities.speech import SPEECH

NO_TEST = {"eval_split": "none"}


def load(dataset, wanted=None, **more):
    more = {**NO_TEST, **more}
    return load_data(
        DataArguments(dataset=dataset if isinstance(dataset, dict) else str(dataset), **more), SPEECH, wanted
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read_at_any_rate(kind, tmp_path):
    sound = tone(0, 0.5, 16000)
    write(tmp_path / "d" / f"a.{KINDS[kind][0]}", sound, 16000, kind)
    data, _ = load(tmp_path / "d", {"sampling_rate": 16000, "window_seconds": 0.5})
    assert data.values.dtype == np.int16 and data.values.shape == (1, 8000)
    found = np.asarray(data.values[0]) / 32768
    if kind in WHOLE:
        assert np.array_equal(found, sound)
    else:
        assert np.corrcoef(found, sound)[0, 1] > (0.9 if kind != "wav 8 bit" else 0.99)
    half, _ = load(tmp_path / "d", {"sampling_rate": 8000, "window_seconds": 0.5})
    assert half.values.shape == (1, 4000)
    assert half.digests.tolist() == data.digests.tolist()  # told apart by what they were before


def test_channels_are_averaged_and_loud_floats_turned_down(tmp_path, caplog):
    caplog.set_level("INFO")
    left, right = tone(1), tone(2)
    write(tmp_path / "d" / "a.wav", np.stack([left, right, left, right], 1))
    write(tmp_path / "d" / "b.wav", 6.6 * left / np.abs(left).max(), kind="wav float")
    data, _ = load(tmp_path / "d")
    both = np.rint((left + right) / 2 * 32768)
    assert np.abs(data.values[0][: len(both)] - both).max() <= 1
    peak = left / np.abs(left).max()
    assert np.abs(data.values[1][: len(peak)] / 32768 - peak).max() < 1e-4
    assert "1 of 2 have several channels, of which the mean is taken" in caplog.text


def test_short_clips_lie_in_the_middle_of_silence_and_long_ones_give_their_middle(tmp_path, caplog):
    caplog.set_level("INFO")
    short, long = tone(1, 0.2), tone(2, 1.0)
    write(tmp_path / "d" / "a.wav", short)
    write(tmp_path / "d" / "b.wav", long)
    data, _ = load(tmp_path / "d", {"window_seconds": 0.5})
    assert not data.values[0][:1200].any() and not data.values[0][2800:].any()
    assert np.array_equal(data.values[0][1200:2800] / 32768, short)
    assert np.array_equal(data.values[1] / 32768, long[2000:6000])
    assert "1 of 2 are longer, and their middle is taken (--frames all" in caplog.text


def test_long_files_are_cut_into_windows_on_request(tmp_path, caplog):
    caplog.set_level("INFO")
    long = tone(3, 1.3)
    write(tmp_path / "d" / "a.wav", long)
    data, _ = load(tmp_path / "d", {"window_seconds": 0.5}, frames="all")
    starts = [0, 2000, 4000, 6000, 6400]  # the last one ends where the file does
    assert np.array_equal(data.values / 32768, np.stack([long[s : s + 4000] for s in starts]))
    assert data.rows.tolist() == [0] * 5 and "5 windows in all, each half over the one before" in caplog.text


def test_three_hours_are_read_in_blocks(tmp_path, monkeypatch):
    """Of a file of hours no more than a window is asked for at once, and for one window little is read at all."""
    import soundfile

    rate, hours = 1000, 3
    with soundfile.SoundFile(tmp_path / "long.wav", "w", rate, 1, "PCM_16") as file:
        for hour in range(hours):
            file.write(np.full(3600 * rate, (hour + 1) * 1000, np.int16))
    asked, real = [], decoding._read
    monkeypatch.setattr(decoding, "_read", lambda file, count: asked.append(count) or real(file, count))
    pieces, lacking = pieces_of(str(tmp_path / "long.wav"), Plan(rate, 600.0))
    assert len(pieces) == 1 and lacking == 0 and (pieces[0].stored == 2000).all() and asked == [600 * rate]
    pieces, _ = pieces_of(str(tmp_path / "long.wav"), Plan(rate, 600.0, every=True))
    assert len(pieces) == 35 and max(asked) == 600 * rate
    assert pieces[0].stored[0] == 1000 and pieces[-1].stored[-1] == 3000


def test_the_window_and_the_rate_of_a_new_network_follow_the_data(tmp_path):
    for k in range(120):
        write(tmp_path / "d" / f"{k}.wav", tone(k, 0.2 if k else 3.0, 4000), 4000)
    data, _ = load(tmp_path / "d")
    assert data.shape == {"sampling_rate": 4000, "window_seconds": 0.2}
    write(tmp_path / "e" / "a.wav", tone(0, 9.0, 44100), 44100)
    data, _ = load(tmp_path / "e")
    assert data.shape == {"sampling_rate": 16000, "window_seconds": 5.0}


def cut(path, share):
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])


@pytest.mark.parametrize("kind", ["mp3", "ogg vorbis", "flac"])
def test_files_that_are_cut_off_are_told(kind, tmp_path, caplog):
    for name in ("a", "b"):
        write(tmp_path / "d" / f"{name}.{KINDS[kind][0]}", tone(0, 2.0, 16000), 16000, kind)
    cut(tmp_path / "d" / f"a.{KINDS[kind][0]}", 0.4)
    if kind == "mp3":
        data, _ = load(tmp_path / "d")
        assert len(data) == 2 and "1 files of" in caplog.text and "seconds are missing" in caplog.text
    else:
        with pytest.raises(InputError, match=r"clip 0 of .*cannot be used.*--skip_damaged"):
            load(tmp_path / "d")
        data, _ = load(tmp_path / "d", skip_damaged=True)
        assert len(data) == 1 and data.rows.tolist() == [1]


def bad_files(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "garbage":
        path.write_bytes(bytes(range(256)) * 20)
    elif kind == "no samples":
        write(path, np.zeros(0))
    elif kind == "nan":
        write(path, np.where(np.arange(3200) == 7, np.nan, tone(0)), kind="wav float")
    elif kind == "one sample of many":
        write(path, np.full(1, 0.5), 48000)


@pytest.mark.parametrize("kind", ["empty", "garbage", "no samples", "nan", "one sample of many"])
def test_what_is_no_sound_is_refused_by_name_or_left_out(kind, tmp_path):
    write(tmp_path / "d" / "b.wav", tone(1))
    write(tmp_path / "d" / "c.wav", tone(2))
    bad_files(tmp_path / "d" / "a.wav", kind)
    wanted = {"sampling_rate": 8000, "window_seconds": 0.5}
    with pytest.raises(InputError, match=r"clip 0 of .*\(.*a\.wav\) cannot be used: .*--skip_damaged"):
        load(tmp_path / "d", wanted)
    data, _ = load(tmp_path / "d", wanted, skip_damaged=True)
    assert data.rows.tolist() == [1, 2] and data.skipped == 1


def test_silence_and_single_samples_are_clips(tmp_path, caplog):
    write(tmp_path / "d" / "a.wav", np.zeros(3200))
    write(tmp_path / "d" / "b.wav", np.full(1, 0.5))
    write(tmp_path / "d" / "c.wav", tone(1))
    data, _ = load(tmp_path / "d")
    assert len(data) == 3 and "1 of 3 clips of" in caplog.text and "are silent" in caplog.text
    assert (data.values[1] != 0).sum() == 1


def test_equal_sound_has_one_digest_whatever_held_it(tmp_path):
    for name, kind in (("a", "wav 16 bit"), ("b", "flac"), ("c", "wav float")):
        write(tmp_path / "d" / f"{name}.{KINDS[kind][0]}", tone(4), kind=kind)
    write(tmp_path / "d" / "z.wav", tone(5))
    data, _ = load(tmp_path / "d")
    assert len(set(data.digests[:3].tolist())) == 1 and data.digests[3] != data.digests[0]


def test_folders_tables_and_parquet_give_the_same_clips(tmp_path):
    import datasets

    folder = save_digits(tmp_path / "d", 3)
    data, _ = load(folder)
    assert data.label_names == ["beat", "tone"] and data.labels.tolist() == [0] * 3 + [1] * 3
    files = [f"{folder}/{name}" for name in data.files]
    lines = ["file_name,digit,speaker"] + [f"{name},{name.split('/')[0]},{k % 2}" for k, name in enumerate(data.files)]
    (tmp_path / "d" / "metadata.csv").write_text("\n".join(lines))
    table, _ = load(folder, label_column="digit", group_column="speaker")
    assert np.array_equal(table.values, data.values) and table.groups.tolist() == list("010101")
    cells = [{"bytes": open(path, "rb").read(), "path": None} for path in files]
    features = datasets.Features({"audio": datasets.Value("binary"), "label": datasets.ClassLabel(names=["x", "y"])})
    rows = datasets.Dataset.from_dict({"audio": [c["bytes"] for c in cells], "label": [0, 0, 0, 1, 1, 1]}, features)
    rows.to_parquet(tmp_path / "p" / "train.parquet") if (tmp_path / "p").mkdir() is None else None
    stored, _ = load(tmp_path / "p")
    assert np.array_equal(stored.values, data.values) and stored.label_names == ["x", "y"]
    memory = [{"array": (clip / 32768), "sampling_rate": 8000} for clip in data.values]
    found, _ = load_data(DataArguments(dataset=memory, **NO_TEST), SPEECH)
    assert np.array_equal(found.values, data.values)


def test_arrays_need_a_rate(tmp_path):
    clips = np.stack([tone(k, 0.2) for k in range(4)]).astype(np.float32)
    np.savez(tmp_path / "a.npz", audio=clips, label=[0, 1, 0, 1])
    with pytest.raises(InputError, match="how many samples a second.*--config.sampling_rate"):
        load(tmp_path / "a.npz")
    data, _ = load(tmp_path / "a.npz", {"sampling_rate": 8000})
    assert np.array_equal(data.values / 32768, clips) and data.shape["window_seconds"] == 0.2
    np.savez(tmp_path / "b.npz", audio=np.zeros((4, 3, 8)))
    with pytest.raises(InputError, match=r"of shape \(4, 3, 8\), expected \(N, samples\)"):
        load(tmp_path / "b.npz", {"sampling_rate": 8000})


def test_without_the_libraries_the_error_names_the_extra(tmp_path, monkeypatch):
    import importlib.util

    write(tmp_path / "d" / "a.wav", tone(0))
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "soxr" else real(name, *rest))
    with pytest.raises(InputError, match=r"read with soxr: pip install 'pretune\[audio\]'"):
        load(tmp_path / "d")


def test_a_header_that_lies_is_no_reason_to_fail():
    """What is no file at all raises what the reader expects."""
    with pytest.raises(decoding.UNREADABLE):
        pieces_of(io.BytesIO(b"RIFF").getvalue(), Plan(8000, 1.0))


def test_arrays_in_a_column_and_noise_that_is_no_class(tmp_path):
    waves = np.random.default_rng(0).uniform(-0.5, 0.5, (12, 800)).astype(np.float32)
    columns = {"audio": waves, "label": np.arange(12) % 2}
    args = DataArguments(dataset=InMemory(columns), eval_split="none")
    assert load_data(args, SPEECH, {"sampling_rate": 8000})[0].labels.tolist() == columns["label"].tolist()
    for k, wave in enumerate(waves):
        folder = tmp_path / ("yes", "no", "_background_noise_")[k % 3]
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / f"{k}.wav", wave, 8000)
    (tmp_path / "yes" / "b.m4a").write_bytes(b"x")
    train, _ = load_data(DataArguments(dataset=str(tmp_path), eval_split="none"), SPEECH)
    assert train.label_names == ["no", "yes"] and len(train) == 8
