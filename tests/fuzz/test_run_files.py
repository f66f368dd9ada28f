"""What lies in a run folder, changed by hand, by another program or by a disk."""

import json
import os
import shutil

import pytest
from fuzz.guarded import answered, changed_json, damaged, examples, guarded, jsons, parts
from hypothesis import given
from hypothesis import strategies as st

import pretune
from pretune.training.card import run as render_card
from pretune.training.command.arguments.card import CardArguments
from pretune.training.networks.loading import load_classifier, load_config, load_pretrainable
from pretune.training.publishing.repository_files import repository_files
from pretune.training.runs.folder import finished_record

RUN = ("run.json", "metrics.jsonl", "README.md", "config.json", "preprocessor_config.json", "model.safetensors")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two steps with a checkpoint after each, and its arguments."""
    import numpy as np

    folder = tmp_path_factory.mktemp("finished")
    np.savez(folder / "a.npz", image=np.arange(8 * 16, dtype=np.uint8).reshape(8, 4, 4), label=np.arange(8) % 2)
    arguments = {"config": {"hidden_sizes": [16, 8], "latent_size": 4}, "disable_tqdm": True, "max_steps": 2,
                 "dataset": str(folder / "a.npz"), "checkpointing_steps": 1,
                 "save_total_limit": None, "per_device_train_batch_size": 4}  # fmt: skip
    pretune.pretrain(**arguments, output_dir=str(folder / "run"))
    return folder / "run", arguments


def copied(finished, folder):
    """A fresh copy of the run, its large files linked."""
    place = folder / "run"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(finished[0], place, copy_function=os.link)
    return place


def rewrite(path, data: bytes) -> None:
    path.unlink()  # a link to the original
    path.write_bytes(data)


def card(place):
    render_card(CardArguments(run_dir=str(place), overwrite=True))


def files_of(place):
    return repository_files(place, finished_record(place), "me/model")


def load(place):
    config = load_config(str(place), None)
    load_pretrainable(str(place), None, config)


def load_to_classify(place):
    load_classifier(str(place), None, load_config(str(place), None, of_transformers=True))


@parts
def test_records_of_any_form(finished, tmp_path, tenths):
    record = json.loads((finished[0] / "run.json").read_text())

    @examples(24 * tenths)
    @given(st.one_of(changed_json(record), jsons), st.sampled_from([card, files_of]))
    def each(changed, use):
        place = copied(finished, tmp_path)
        rewrite(place / "run.json", json.dumps(changed).encode())
        answered(use, place)

    with guarded(tmp_path):
        each()


@parts
def test_configs_of_any_form(finished, tmp_path, tenths):
    config = json.loads((finished[0] / "config.json").read_text())
    more = {"num_labels": 2, "id2label": {"0": "a", "1": "b"}, "attn_implementation": "eager", "dtype": "float32"}

    @examples(20 * tenths)
    @given(st.one_of(changed_json({**config, **more}), jsons), st.sampled_from([load, load_to_classify]))
    def each(changed, use):
        place = copied(finished, tmp_path)
        rewrite(place / "config.json", json.dumps(changed).encode())
        answered(use, place)

    with guarded(tmp_path):
        each()


@parts
def test_damaged_files(finished, tmp_path, tenths):
    @examples(12 * tenths)
    @given(st.sampled_from(RUN), st.sampled_from([card, files_of, load, load_to_classify]), st.data())
    def each(name, use, data):
        place = copied(finished, tmp_path)
        rewrite(place / name, data.draw(damaged((finished[0] / name).read_bytes())))
        answered(use, place)

    with guarded(tmp_path):
        each()


@parts
def test_runs_that_go_on_from_damage(finished, tmp_path, tenths):
    checkpoint = sorted((finished[0] / "checkpoint-1").iterdir())
    names = [*RUN, *(f"checkpoint-1/{path.name}" for path in checkpoint)]

    @examples(4 * tenths)
    @given(st.sampled_from(names), st.data())
    def each(name, data):
        place = copied(finished, tmp_path)
        rewrite(place / name, data.draw(damaged((finished[0] / name).read_bytes())))
        more = {"max_steps": data.draw(st.sampled_from([2, 3])), "resume_from_checkpoint": "latest"}
        answered(pretune.pretrain, **{**finished[1], **more}, output_dir=str(place))

    with guarded(tmp_path):
        each()
