"""Texts as people have them: tables, files of lines, files in folders, lists, frames; labels, splits, and bad ones."""

import datasets
import numpy as np
import pytest
from texts import little_corpus

from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.loading import load_data, load_split
from pretune.training.errors import InputError
from pretune.training.modalities.text import TEXT

TEXTS, NAMES = little_corpus(24)


def read(dataset, **more):
    """(train, evaluation) of a dataset of texts."""
    more.setdefault("eval_split", "none")
    return load_data(DataArguments(dataset=dataset, **more), TEXT)


def write_table(path, texts=TEXTS, names=NAMES, headings=("text", "label")):
    rows = [f'"{text}",{name}' for text, name in zip(texts, names, strict=True)]
    path.write_text("\n".join([",".join(headings), *rows]) + "\n")
    return str(path)


def test_a_table_a_json_file_and_parquet_are_the_same_texts(tmp_path):
    table = write_table(tmp_path / "news.csv")
    frame = datasets.Dataset.from_dict({"text": TEXTS, "label": NAMES})
    frame.to_json(tmp_path / "news.jsonl")
    frame.to_parquet(tmp_path / "news.parquet")
    for source in (table, tmp_path / "news.jsonl", tmp_path / "news.parquet"):
        train, _ = read(str(source))
        assert train.values.tolist() == TEXTS
        assert [train.label_names[k] for k in train.labels] == NAMES


def test_objects_in_memory(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"id": range(24), "text": TEXTS, "label": NAMES})
    held = datasets.Dataset.from_dict({"text": TEXTS, "label": NAMES})
    for source in (frame, held, (TEXTS, NAMES), (np.array(TEXTS), NAMES), list(zip(TEXTS, NAMES, strict=True))):
        train, _ = read(source)
        assert train.values.tolist() == TEXTS and set(train.label_names) == set(NAMES)
    assert read(TEXTS)[0].labels is None


def test_folders_of_tables_are_splits(tmp_path):
    write_table(tmp_path / "train.csv", TEXTS[:16], NAMES[:16])
    write_table(tmp_path / "test.csv", TEXTS[16:], NAMES[16:])
    (tmp_path / "README.txt").write_text("what this is")
    train, test = read(str(tmp_path), eval_split=None)
    assert (len(train), len(test)) == (16, 8) and test.label_names == train.label_names


def test_a_column_of_splits(tmp_path):
    rows = [f"{text},{name},{'test' if k % 4 == 0 else 'train'}" for k, (text, name) in enumerate(zip(TEXTS, NAMES))]  # noqa: B905
    (tmp_path / "all.csv").write_text("\n".join(["text,label,split", *rows]))
    train, test = read(str(tmp_path / "all.csv"), eval_split=None)
    assert (len(train), len(test)) == (18, 6)


def test_files_of_lines_and_files_of_one_text(tmp_path):
    (tmp_path / "train.txt").write_text("\ufeff" + "\r\n".join(TEXTS) + "\n\n")
    assert read(str(tmp_path / "train.txt"))[0].values.tolist() == TEXTS
    assert len(read(str(tmp_path / "train.txt"), txt="file")[0]) == 1
    (tmp_path / "test.txt").write_text("\n".join(TEXTS[:5]))
    assert [len(split) for split in read(str(tmp_path), eval_split=None)] == [24, 5]
    for k, (text, name) in enumerate(zip(TEXTS, NAMES, strict=True)):
        (tmp_path / "classes" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "classes" / name / f"{k}.txt").write_text(text + "\n")
    train, _ = read(str(tmp_path / "classes"))
    assert sorted(train.values.tolist()) == sorted(TEXTS) and train.label_names == ["kitchen", "sea"]
    assert train.files is not None


def test_columns_are_joined_and_chosen(tmp_path):
    held = datasets.Dataset.from_dict({"title": ["A", "B"], "body": ["one", None], "label": [0, 1]})
    assert read(held, input_column="title,body")[0].values.tolist() == ["A\none", "B"]
    assert read(datasets.Dataset.from_dict({"x": ["A", "B"], "label": ["p", "q"]}))[0].values.tolist() == ["A", "B"]
    with pytest.raises(InputError, match="several input columns: x, y"):
        read(datasets.Dataset.from_dict({"x": ["A"], "y": ["B"]}))
    with pytest.raises(InputError, match="no column of texts"):
        read(datasets.Dataset.from_dict({"x": [1, 2]}))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["a", None], "text 1 of .* is missing"),
        ([1, 2], "no texts in column"),
    ],
)
def test_what_is_no_text_is_told(values, says):
    held = datasets.Dataset.from_dict({"text": values})
    with pytest.raises(InputError, match=says):
        read(held, input_column="text")


def test_missing_texts_are_left_out_on_request():
    held = datasets.Dataset.from_dict({"text": ["a", None, "c"], "label": [0, 1, 1]})
    train, _ = read(held, skip_damaged=True)
    assert train.values.tolist() == ["a", "c"] and train.labels.tolist() == [0, 1] and train.skipped == 1


def test_files_that_are_not_utf_8(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/1.txt").write_bytes("grün".encode("latin-1"))
    (tmp_path / "b/2.txt").write_bytes("rot".encode("utf-16"))
    with pytest.raises(InputError, match=r"a/1.txt\) is not UTF-8 \(byte 2\).*--encoding"):
        read(str(tmp_path))
    assert read(str(tmp_path), skip_damaged=True)[0].values.tolist() == ["rot"]
    (tmp_path / "b/2.txt").write_bytes(b"rot")
    assert read(str(tmp_path), encoding="latin-1")[0].values.tolist() == ["grün", "rot"]
    with pytest.raises(InputError, match="encoding is 'klingon'"):
        read(str(tmp_path), encoding="klingon")


def test_strange_texts_stay_texts():
    strange = ["", " ", "שלום", "🙂", "x" * 1_000_000, "lone \ud800 one", "pair \ud83d\ude42", "nul\x00"]
    train, _ = read(strange)
    assert train.values.tolist()[:5] == strange[:5]
    assert train.values.tolist()[5:7] == ["lone \ufffd one", "pair 🙂"]


def test_equal_texts_have_equal_digests_however_they_are_spaced():
    data = load_split(DataArguments(dataset=["a  b", "a b\n", "é", "e\u0301", "ab"]), "train", TEXT)
    a, b, c, d, e = data.digests.tolist()
    assert a == b and c == d and len({a, c, e}) == 3


def test_mixed_types_in_a_column_are_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"text": "a"}\n{"text": 3}\n')
    with pytest.raises(InputError, match="row 1 of column 'text'.*is of type int, expected text"):
        read(str(tmp_path / "x.jsonl"))


def test_one_file_of_lines_alone_in_a_folder(tmp_path):
    (tmp_path / "corpus.txt").write_text("\n".join(TEXTS))
    assert read(str(tmp_path))[0].values.tolist() == TEXTS
    assert len(read(str(tmp_path), txt="file", input_column=None)[0]) == 1


def test_the_column_of_several_words_is_the_text(tmp_path):
    rows = [f'{name},"{text}",,' for text, name in zip(TEXTS, NAMES, strict=True)]
    (tmp_path / "spam.csv").write_text("\n".join(["v1,v2,,", *rows]))
    train, _ = read(str(tmp_path / "spam.csv"), label_column="v1")
    assert train.values.tolist() == TEXTS and set(train.label_names) == set(NAMES)


def test_reviews_with_a_folder_of_unlabelled_ones(tmp_path):
    for k, text in enumerate(TEXTS):
        folder = tmp_path / "train" / ("pos", "neg", "unsup")[k % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{k}_7.txt").write_text(text)
    train, _ = read(str(tmp_path))
    assert train.label_names == ["neg", "pos"] and train.labelled.sum() == 16 and len(train) == 24


@pytest.mark.parametrize("names", [("review", "sentiment"), ("utterance", "intent"), ("sentence", "label", "topic")])
def test_columns_that_are_called_as_labels_are(names, tmp_path):
    columns = {names[0]: TEXTS, names[1]: NAMES, **dict.fromkeys(names[2:], list(range(24)))}
    train, _ = read(datasets.Dataset.from_dict(columns))
    assert train.values.tolist() == TEXTS and train.label_names == ["kitchen", "sea"]
