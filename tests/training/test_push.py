"""The Hub, both ways, with the real clients in processes of their own against a Hub on this machine's loopback."""

import json
import os
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from hub.client import Client
from hub.server import HubServer

from pretune import AutoencoderImageProcessor, AutoencoderModel
from pretune.training.publishing.code_export import export_code

pytestmark = pytest.mark.slow
TOKEN = "hf_write_secret_0123456789"


@pytest.fixture(scope="module")
def hub():
    tokens = {TOKEN: ("me", "write"), "hf_read_only_0123456789": ("me", "read")}
    with HubServer(tokens=tokens, orgs=["org"]) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(hub, home):
    client = Client({**os.environ, **hub.env(home, TOKEN)})
    yield client
    client.close()


@pytest.fixture(scope="module")
def run_folder(client, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "ae"
    status, said = client("pretrain", "digits", "--output_dir", folder, "--max_steps", "30", "--hub_token", TOKEN)
    assert status == 0, said
    (folder / "private.txt").write_text("the user's own, never uploaded")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_one_commit_then_none_then_only_what_changed(hub, client, run_folder):
    before = content(run_folder)
    status, said = client("push", run_folder, "--hub_model_id", "org/ae", "--private", "--dry_run")
    assert status == 0 and "would be added: model.safetensors" in said and not hub.exists("org/ae")
    status, said = client("push", run_folder, "--hub_model_id", "org/ae")
    assert status == 0 and "pushed to org/ae" in said, said
    files = hub.files("org/ae")
    assert {name for name in files if not name.endswith(".py") and name != ".gitattributes"} == {
        ".pretune.json", "README.md", "config.json", "preprocessor_config.json", "model.safetensors", "run.json",
        "metrics.jsonl", "loss.png", "latents.png", "reconstructions.png",
    }  # fmt: skip
    assert {name for name in files if name.endswith(".py")} == set(export_code(AutoencoderModel)[1]) | set(
        export_code(AutoencoderImageProcessor)[1]
    )
    ours = [c for c in hub.commits("org/ae") if "model.safetensors" in c["added"]]
    assert len(ours) == 1 and set(files) - {".gitattributes"} == set(ours[0]["added"])
    count = len(hub.commits("org/ae"))
    status, said = client("push", run_folder, "--hub_model_id", "org/ae")
    assert status == 0 and "org/ae is up to date: nothing changed" in said and len(hub.commits("org/ae")) == count
    assert content(run_folder) == before  # a push never writes to the run folder


def test_what_shadows_ours_is_deleted_and_all_else_stays(hub, client, run_folder):
    foreign = {
        "pytorch_model.bin": b"old", "model-00001-of-00002.safetensors": b"old", "model.safetensors.index.json": b"{}",
        "last-checkpoint/state.json": b"{}", "notes.md": b"mine", "onnx/model.onnx": b"mine", "data.json": b"{}",
    }  # fmt: skip
    assert client("push", run_folder, "--hub_model_id", "org/shadow")[0] == 0
    stale = json.loads(hub.files("org/shadow")[".pretune.json"])
    stale["files"].append("gone.png")
    hub.commit("org/shadow", {**foreign, "gone.png": b"ours once", ".pretune.json": json.dumps(stale).encode()})
    status, said = client("push", run_folder, "--hub_model_id", "org/shadow", "--dry_run")
    assert status == 0 and "would be deleted: pytorch_model.bin" in said and "gone.png" in hub.files("org/shadow")
    assert client("push", run_folder, "--hub_model_id", "org/shadow")[0] == 0
    left = set(hub.files("org/shadow"))
    assert {"notes.md", "onnx/model.onnx", "data.json", "model.safetensors"} <= left
    assert not left & {"gone.png", *list(foreign)[:4]}


def test_branch_pull_request_and_message(hub, client, run_folder):
    options = ["--revision", "v2", "--commit_message", "second try"]
    assert client("push", run_folder, "--hub_model_id", "me/branches", *options)[0] == 0
    assert "model.safetensors" in hub.files("me/branches", revision="v2")
    assert "model.safetensors" not in hub.files("me/branches")
    assert hub.commits("me/branches", revision="v2")[-1]["message"] == "second try"
    status, said = client("push", run_folder, "--hub_model_id", "me/branches", "--create_pr")
    assert status == 0 and "discussions/" in said and "model.safetensors" not in hub.files("me/branches")


@pytest.mark.parametrize("fault", [503, 401, 403, 409, 412, "cut"])
def test_a_failed_push_harms_nothing_and_says_how_to_try_again(hub, client, run_folder, fault):
    name = f"org/fault-{fault}"
    before = content(run_folder)
    hub.fail("POST", r"/commit/", fault)
    status, said = client("push", run_folder, "--hub_model_id", name, "--private")
    last = said.strip().splitlines()[-1]
    assert status == 3 and last.startswith(f"error: push to {name} failed: ")
    assert last.endswith(f"try again with: pretune push {run_folder} --hub_model_id {name} --private")
    assert ("another commit arrived meanwhile" in last) == (fault == 412)
    assert "Traceback" not in said and TOKEN not in said
    assert content(run_folder) == before and "model.safetensors" not in hub.files(name)
    assert client(*last.split("pretune ")[-1].split())[0] == 0  # the command it printed
    assert "model.safetensors" in hub.files(name)


def test_a_commit_that_arrives_meanwhile_is_never_overwritten(hub, client, run_folder):
    assert client("push", run_folder, "--hub_model_id", "org/busy")[0] == 0
    hub.commit("org/busy", {"model.safetensors": b"theirs"}, message="theirs, before")
    hub.before("POST", r"/commit/", lambda: hub.commit("org/busy", {"theirs.txt": b"x"}, message="theirs, meanwhile"))
    status, said = client("push", run_folder, "--hub_model_id", "org/busy")
    assert status == 3 and "another commit arrived meanwhile" in said
    assert hub.files("org/busy")["model.safetensors"] == b"theirs"
    assert client("push", run_folder, "--hub_model_id", "org/busy")[0] == 0
    files = hub.files("org/busy")
    assert files["theirs.txt"] == b"x" and files["model.safetensors"] != b"theirs"


def test_a_storage_that_refuses_harms_nothing(hub, client, run_folder):
    hub.lfs.clear()
    hub.fail("PUT", r"/lfs/", 403, times=4)
    status, said = client("push", run_folder, "--hub_model_id", "org/storage")
    hub.faults.clear()
    last = said.strip().splitlines()[-1]
    assert status == 3 and last.startswith("error: push to org/storage failed: ") and "Traceback" not in said
    assert "model.safetensors" not in hub.files("org/storage")
    assert client("push", run_folder, "--hub_model_id", "org/storage")[0] == 0


def test_what_fails_once_is_tried_again(hub, client, run_folder):
    hub.lfs.clear()
    hub.fail("PUT", r"/lfs/", 500)
    hub.fail("PUT", r"/lfs/", "cut")
    hub.fail("GET", r"/tree/", (429, {"Retry-After": "0"}))
    status, said = client("push", run_folder, "--hub_model_id", "org/again")
    assert status == 0 and not hub.faults and "model.safetensors" in hub.files("org/again"), said


def test_a_repository_of_thousands_of_files_and_of_odd_names(hub, client, run_folder, tmp_path):
    assert client("push", run_folder, "--hub_model_id", "org/many")[0] == 0
    names = [*(f"data/{k:05}.txt" for k in range(5000)), "../outside.txt", "a/../../b.txt", "last-checkpoint/../x.txt"]
    hub.commit("org/many", {**dict.fromkeys(names, b"theirs"), "zz/pytorch_model.bin": b"theirs"})
    manifest = json.loads(hub.files("org/many")[".pretune.json"])
    manifest["files"] += ["../outside.txt", "zz-gone.png"]
    hub.commit("org/many", {".pretune.json": json.dumps(manifest).encode(), "zz-gone.png": b"ours once"})
    status, said = client("push", run_folder, "--hub_model_id", "org/many")
    left = hub.files("org/many")
    assert status == 0 and "zz-gone.png" not in left and len(left) > 5000, said[-600:]
    words = ["--dataset", "digits", "--max_steps", "1", "--output_dir", tmp_path / "deep" / "out"]
    assert client("finetune", "--model", "org/many", *words)[0] == 0
    assert not (tmp_path / "outside.txt").exists() and not (tmp_path / "deep" / "outside.txt").exists()


def test_a_revision_that_is_gone_is_told(hub, home, run_folder, tmp_path):
    client = Client({**os.environ, **hub.env(home / "gone", TOKEN)})  # with an empty cache
    try:
        assert client("push", run_folder, "--hub_model_id", "me/gone")[0] == 0
        files = hub.files("me/gone")
        hub.before("GET", r"/resolve/.*/model.safetensors", lambda: hub.rewrite("me/gone", {"README.md": b"gone"}))
        words = ["--dataset", "digits", "--max_steps", "1", "--output_dir", tmp_path / "out"]
        status, said = client("finetune", "--model", "me/gone", *words)
        assert status == 2 and "Traceback" not in said, said[-600:]
        assert "model me/gone cannot be loaded" in said.strip().splitlines()[-1]
        hub.rewrite("me/gone", files)
        assert client("finetune", "--model", "me/gone", *words)[0] == 0
    finally:
        client.close()


def test_a_slow_answer_is_waited_for(hub, client, run_folder):
    hub.fail("POST", r"/commit/", "slow")
    hub.before("POST", r"/commit/", hub.release)
    assert client("push", run_folder, "--hub_model_id", "org/slow")[0] == 0


def test_bad_pushes_are_errors_of_status_2(client, run_folder, tmp_path):
    for words, message in (
        ((tmp_path, "--hub_model_id", "org/x"), "is not the folder of a finished run"),
        ((run_folder,), "hub_model_id is missing"),
        ((run_folder, "--hub_model_id", "a/b/c"), "hub_model_id: Repo id must"),
    ):
        status, said = client("push", *words)
        assert status == 2 and message in said.strip().splitlines()[-1]


def test_a_read_token_is_refused_by_the_hub(hub, home, run_folder):
    client = Client({**os.environ, **hub.env(home / "reader", "hf_read_only_0123456789")})
    status, said = client("push", run_folder, "--hub_model_id", "me/reader")
    client.close()
    assert status == 3 and "403" in said and "hf_read_only" not in said


def test_checkpoints_go_to_the_hub_in_order_and_another_machine_goes_on(hub, client, tmp_path):
    common = ["pretrain", "digits", "--hub_model_id", "me/long", "--push_to_hub", "--num_train_epochs", "2"]
    common += ["--hub_strategy", "checkpoint", "--checkpointing_steps", "10", "--save_total_limit", "1"]
    hub.fail("POST", r"/commit/", 503)  # one lost checkpoint does not stop the run
    status, said = client(*common, "--output_dir", tmp_path / "here")
    assert status == 0, said
    steps = [int(c["message"].split("-")[1]) for c in hub.commits("me/long") if c["message"].startswith("checkpoint-")]
    assert steps == sorted(steps) and steps[-1] == 40
    assert not any(name.startswith("last-checkpoint/") for name in hub.files("me/long"))  # the final push cleans up

    last = next(c for c in reversed(hub.commits("me/long")) if c["message"] == "checkpoint-40")
    there = {n: b for n, b in hub.files("me/long", revision=last["sha"]).items() if n.startswith("last-checkpoint/")}
    hub.commit("me/long", there, message="as if the run had been cut off here")
    status, said = client(*common, "--output_dir", tmp_path / "there", "--resume_from_checkpoint", "hub")
    assert status == 0 and "going on from" in said and "checkpoint-40" in said, said
    here, there = (tmp_path / name / "model.safetensors" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    status, said = client(
        "pretrain",
        "digits",
        "--hub_model_id",
        "me/none",
        "--output_dir",
        tmp_path / "no",
        "--resume_from_checkpoint",
        "hub",
    )
    assert status == 2 and "no checkpoint could be fetched from me/none" in said


def test_a_failed_push_at_the_end_of_training_leaves_a_whole_run(hub, client, tmp_path):
    hub.fail("POST", r"/api/repos/create", 503)
    words = ["--max_steps", "2", "--push_to_hub", "--hub_model_id", "org/late", "--output_dir", tmp_path / "run"]
    status, said = client("pretrain", "digits", *words)
    assert status == 3 and "pretune push" in said.strip().splitlines()[-1]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"


def test_the_token_is_nowhere(hub, client, run_folder, tmp_path):
    words = ["--max_steps", "2", "--push_to_hub", "--hub_model_id", "me/secret", "--hub_token", TOKEN]
    status, said = client("pretrain", "digits", "--output_dir", tmp_path / "run", *words)
    assert status == 0 and TOKEN not in said
    for name, data in {**content(tmp_path), **content(run_folder), **hub.files("me/secret")}.items():
        assert TOKEN.encode() not in data, name
    assert any(TOKEN in (authorization or "") for _, _, authorization in hub.requests)  # it was used, though


PUSH_DATASET = """
import sys, datasets, numpy as np, PIL.Image
images, labels = (np.load(path) for path in sys.argv[1:])
kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b<i>", "c|d"])}
rows = {"image": [PIL.Image.fromarray(image) for image in images], "label": labels.tolist()}
datasets.Dataset.from_dict(rows, features=datasets.Features(kinds)).push_to_hub("me/blobs")
"""

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "pretune":
            raise ImportError("pretune is not installed here")
sys.meta_path.insert(0, Block())
"""


def test_the_whole_story_in_fresh_processes(hub, home, launch, tmp_path, blobs):
    """Dataset to the Hub, pretrain from it, push, load elsewhere, fine-tune from the id, push, classify a picture."""
    env = hub.env(home / "story", TOKEN)
    images, labels = tmp_path / "images.npy", tmp_path / "labels.npy"
    np.save(images, blobs[0])
    np.save(labels, blobs[1])
    PIL.Image.fromarray(blobs[0][5]).resize((20, 30)).convert("RGB").save(tmp_path / "picture.png")
    launch("-c", PUSH_DATASET, images, labels, env=env)
    train = [
        "--num_train_epochs",
        "60",
        "--learning_rate",
        "0.01",
        "--per_device_train_batch_size",
        "8",
        "--push_to_hub",
    ]
    network = ["--config.hidden_sizes", "16", "8", "--config.latent_size", "4", "--license", "mit"]
    words = ["--dataset", "me/blobs", "--output_dir", tmp_path / "ae", "--hub_model_id", "org/ae4", *network, *train]
    launch("-m", "pretune", "pretrain", *words, env=env)
    card = hub.files("org/ae4")["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["datasets"] == ["me/blobs"] and front["license"] == "mit" and front["library_name"] == "transformers"
    assert front["model-index"][0]["results"][0]["dataset"]["type"] == "me/blobs"

    said = launch(
        "-c",
        BLOCKED + "from transformers import AutoImageProcessor, AutoModel, pipeline\n"
        "from PIL import Image\n"
        f"picture = Image.open({str(tmp_path / 'picture.png')!r})\n"
        "model = AutoModel.from_pretrained('org/ae4', trust_remote_code=True)\n"
        "processor = AutoImageProcessor.from_pretrained('org/ae4', trust_remote_code=True)\n"
        "print(model.encode(processor(picture, return_tensors='pt')['pixel_values']).shape)\n"
        "extract = pipeline('image-feature-extraction', model='org/ae4', trust_remote_code=True)\n"
        "print(len(extract(picture)[0]))\n"
        f"model.save_pretrained({str(tmp_path / 'again')!r}); processor.save_pretrained({str(tmp_path / 'again')!r})\n"
        f"print(AutoModel.from_pretrained({str(tmp_path / 'again')!r}, trust_remote_code=True).load_report.loaded)\n",
        env=hub.env(home / "elsewhere", TOKEN),
    ).stdout  # fmt: skip
    assert said.split("\n")[:3] == ["torch.Size([1, 4])", "4", "6"]

    words = ["--model", "org/ae4", "--revision", "main", "--dataset", "me/blobs", "--output_dir", tmp_path / "head"]
    said = launch("-m", "pretune", "finetune", *words, "--hub_model_id", "org/head", *train, env=env).stderr
    assert "6 of 6 encoder tensors loaded from org/ae4; classifier is new" in said
    card = hub.files("org/head")["README.md"].decode()
    assert yaml.safe_load(card.split("---\n")[1])["base_model"] == "org/ae4"
    assert "auto_map" not in json.loads((tmp_path / "head" / "config.json").read_text())

    code = re.search(r"```python\n(.*?)```", card, re.S)[1]  # the card's own lines, as a reader would paste them
    answer = launch("-c", code, env=hub.env(home / "reader2", TOKEN), cwd=tmp_path).stdout
    best = re.search(r"'label': ['\"](.*?)['\"]", answer)[1]
    assert best == ["a", "b<i>", "c|d"][blobs[1][5]]
    words = ["--init_from", "org/ae4", "--dataset", "digits", "--output_dir", tmp_path / "more", "--max_steps", "2"]
    launch("-m", "pretune", "pretrain", *words, env=env)
    record = json.loads((tmp_path / "more" / "run.json").read_text())
    assert record["loading_report"] == "6 of 6 encoder tensors loaded from org/ae4"


RESNET = "{model_type: resnet, layer_type: basic, embedding_size: 8, hidden_sizes: [8, 16], depths: [1, 1]}"
OTHER_FAMILIES = {
    "conv_autoencoder": ["--config.hidden_sizes", "8", "8", "--config.strides", "2", "1", "--config.depths", "1", "0"],
    "masked_image_model": ["--config.backbone_config", RESNET, "--config.mask_patch_size", "2"],
    "bigan": ["--config.hidden_sizes", "16", "--config.latent_size", "4", "--config.discriminator_sizes", "16"],
}


def test_every_other_family_goes_the_same_way(hub, home, client, launch, tmp_path):
    """Pretrain, push, load where pretune cannot be imported, fine-tune from the id, evaluate, push, classify."""
    PIL.Image.new("L", (8, 8), 90).save(tmp_path / "picture.png")
    short = ["--dataset", "digits", "--max_steps", "10", "--push_to_hub"]
    for family, network in OTHER_FAMILIES.items():
        words = [
            "--model_type",
            family,
            *network,
            "--output_dir",
            tmp_path / family,
            "--hub_model_id",
            f"org/{family}",
        ]
        status, said = client("pretrain", *short, *words)
        assert status == 0, said
        words = ["--model", f"org/{family}", "--output_dir", tmp_path / f"{family}-head"]
        status, said = client("finetune", *short, *words, "--hub_model_id", f"org/{family}-head")
        assert status == 0 and "encoder tensors loaded from org/" in said, said
        words = ["--model", f"org/{family}", "--dataset", "digits", "--output_dir", tmp_path / f"{family}-report"]
        status, said = client("evaluate", *words, "--methods", "knn", "untrained_linear", "--labels_per_class", "1")
        assert status == 0 and (tmp_path / f"{family}-report/report.json").is_file(), said
    load = "".join(
        f"model = AutoModel.from_pretrained('org/{family}', trust_remote_code=True)\n"
        f"head = pipeline('image-classification', model='org/{family}-head', trust_remote_code=True)\n"
        f"print(model.encode(torch.rand(2, 1, 8, 8)).shape[0], len(head({str(tmp_path / 'picture.png')!r})))\n"
        for family in OTHER_FAMILIES
    )
    code = BLOCKED + "import torch\nfrom transformers import AutoModel, pipeline\n" + load
    assert launch("-c", code, env=hub.env(home / "families", TOKEN)).stdout.split() == ["2", "5"] * 3


GATED, PAGE = (403, {"X-Error-Code": "GatedRepo"}), b"<!DOCTYPE html><html>sign in to this network</html>"


@pytest.mark.parametrize("fault", [503, "cut", "missing", PAGE, GATED], ids=["503", "cut", "missing", "page", "gated"])
def test_loading_that_fails_is_an_error_and_never_random_weights(hub, client, run_folder, tmp_path, fault):
    name = f"me/load-{tmp_path.name[-8:]}"
    if fault != "missing":
        assert client("push", run_folder, "--hub_model_id", name)[0] == 0
        for method in ("GET", "HEAD") if fault == GATED else ("GET",):
            hub.fail(method, r"/resolve/.*/model.safetensors", fault, times=9)
    words = ["--model", name, "--dataset", "digits", "--output_dir", tmp_path / "out", "--max_steps", "1"]
    status, said = client("finetune", *words)
    hub.faults.clear()
    assert (
        status == 2 and f"model {name} cannot be loaded" in said.strip().splitlines()[-1] and "Traceback" not in said
    )
    assert not (tmp_path / "out").exists()
    if fault != "missing":
        assert client("finetune", *words)[0] == 0


def test_push_to_hub_of_model_and_processor(hub, home, launch, run_folder):
    code = (
        "import pretune\n"
        f"model = pretune.AutoencoderModel.from_pretrained({str(run_folder)!r})\n"
        "model.push_to_hub('me/direct', commit_description='all of it', tags='mine', max_shard_size='1KB')\n"
        "pretune.AutoencoderImageProcessor.for_config(model.config).push_to_hub('me/direct')\n"
        "pretune.AutoencoderImageProcessor().push_to_hub('me/processor')\n"
        "print(pretune.AutoencoderModel.from_pretrained('me/direct').load_report)"
    )
    said = launch("-c", code, env=hub.env(home / "direct", TOKEN)).stdout
    assert said.strip() == "14 of 14 encoder tensors loaded from me/direct"
    files = hub.files("me/direct")
    assert {"config.json", "preprocessor_config.json", "README.md"} <= set(files)
    assert b"An image processor" in hub.files("me/processor")["README.md"]
    assert b"More Information Needed" not in files["README.md"] and b"Nothing is recorded" in files["README.md"]
    assert b"- mine" in files["README.md"] and len([name for name in files if name.endswith(".safetensors")]) > 1
    weights = [c for c in hub.commits("me/direct") if "config.json" in c["added"]]
    assert len(weights) == 1 and {name for name in files if name.endswith((".safetensors", ".index.json"))} <= set(
        weights[0]["added"]
    )
