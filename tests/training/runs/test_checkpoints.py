import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pretune import AutoencoderConfig, AutoencoderModel, InputError
from pretune.training.learning.optimizer import make_optimizer
from pretune.training.runs.checkpoints import (
    Parts,
    drop_newer,
    list_checkpoints,
    prune_checkpoints,
    save_checkpoint,
)
from pretune.training.runs.restoring import Damaged, find_checkpoint, read_checkpoint, restore

IDENTITY = {"seed": 42, "config": {"latent_size": 4}}


def parts(optim: str = "adam", steps: int = 3, weight_decay: float = 0.0) -> Parts:
    """A tiny network and its optimizer after a few steps."""
    model = AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[16, 8], latent_size=4))
    optimizer = make_optimizer([{"params": list(model.parameters())}], torch.device("cpu"), optim, 1e-2, weight_decay)
    for _ in range(steps):
        model(torch.rand(4, 1, 8, 8)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return Parts(model, model, optimizer)


def saved(root: Path, step: int = 3, of: Parts | None = None, **more) -> Path:
    return save_checkpoint(root, step, of or parts(steps=step), {"identity": IDENTITY, **more})


def moments(of: Parts) -> dict[str, dict[str, torch.Tensor]]:
    """{parameter: its moments}."""
    names = dict(zip(map(id, (p for g in of.optimizer.param_groups for p in g["params"])), of.names, strict=True))
    return {names[id(p)]: dict(state) for p, state in of.optimizer.state.items()}


def rewrite(path: Path, change) -> None:
    """Change the tensors of a file, or the object of a JSON file."""
    if path.suffix == ".json":
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    else:
        tensors = {k: v.clone() for k, v in load_file(path).items()}
        path.unlink()
        save_file(change(tensors), path)


@pytest.mark.parametrize("optim", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("decays", [(0.0, 0.0), (0.0, 0.1), (0.1, 0.0)])
def test_what_is_saved_comes_back_to_the_parameter_it_belongs_to(tmp_path, optim, decays):
    """Also when other groups (weight decay splits them) put the parameters into another order."""
    before, after = parts(optim, 3, decays[0]), parts(optim, 1, decays[1])
    restore(read_checkpoint(saved(tmp_path, 3, before), after, IDENTITY), after)
    for name, value in before.model.state_dict().items():
        assert torch.equal(value, after.model.state_dict()[name])
    wanted, found = moments(before), moments(after)
    assert wanted.keys() == found.keys() and len(wanted) > 4
    for name, values in wanted.items():
        assert all(torch.equal(value, found[name][kind]) for kind, value in values.items()), name


CHANGES = {
    "a moment of another shape": ("optimizer.safetensors", lambda t: t | {"0.exp_avg": torch.zeros(3)}),
    "a moment transposed": ("optimizer.safetensors", lambda t: t | {"0.exp_avg": t["0.exp_avg"].T.contiguous()}),
    "moments of another type": ("optimizer.safetensors", lambda t: {k: v.to(torch.int32) for k, v in t.items()}),
    "half precision": ("optimizer.safetensors", lambda t: {k: v.half() for k, v in t.items()}),
    "a kind of moment missing": (
        "optimizer.safetensors", lambda t: {k: v for k, v in t.items() if "exp_avg_sq" not in k}),
    "no moments at all": ("optimizer.safetensors", lambda t: {"x": torch.zeros(1)}),
    "a moment too many": ("optimizer.safetensors", lambda t: t | {"0.max_exp_avg_sq": t["0.exp_avg_sq"].clone()}),
    "a parameter too many": ("optimizer.safetensors", lambda t: t | {"99.exp_avg": torch.zeros(3)}),
    "a step before the first": ("optimizer.safetensors", lambda t: t | {"0.step": torch.tensor(-3.0)}),
    "a step that is none": ("optimizer.safetensors", lambda t: t | {"0.step": torch.tensor(float("nan"))}),
    "a step of a later run": ("optimizer.safetensors", lambda t: t | {"0.step": torch.tensor(99.0)}),
    "a step with a shape": ("optimizer.safetensors", lambda t: t | {"0.step": torch.ones(2)}),
    "a weight of another shape": ("model.safetensors", lambda t: t | {"encoder.0.weight": torch.zeros(2, 2)}),
    "a weight of another type": ("model.safetensors", lambda t: t | {"encoder.0.bias": torch.zeros(16).double()}),
    "a weight missing": ("model.safetensors", lambda t: {k: v for k, v in t.items() if k != "encoder.0.bias"}),
    "a weight too many": ("model.safetensors", lambda t: t | {"more": torch.zeros(2)}),
    "a weight that is no number": ("model.safetensors", lambda t: t | {"encoder.0.bias": torch.zeros(16) / 0}),
    "another step": ("state.json", lambda s: s | {"step": 4}),
    "a step as text": ("state.json", lambda s: s | {"step": "3"}),
    "a step that is true": ("state.json", lambda s: s | {"step": True}),
    "a step and a half": ("state.json", lambda s: s | {"step": 3.5}),
    "no step": ("state.json", lambda s: {k: v for k, v in s.items() if k != "step"}),
    "no object": ("state.json", lambda s: [s]),
    "no names": ("state.json", lambda s: {k: v for k, v in s.items() if k != "parameters"}),
    "names of another network": ("state.json", lambda s: s | {"parameters": s["parameters"][:-1] + ["x"]}),
    "a history of words": ("state.json", lambda s: s | {"history": ["best"]}),
    "a history without its weights": ("state.json", lambda s: s | {"history": [50.0]}),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_checkpoint_is_checked_before_any_of_it_is_believed(tmp_path, what):
    folder, mine = saved(tmp_path), parts(steps=1)
    before = {name: value.clone() for name, value in mine.model.state_dict().items()}
    name, change = CHANGES[what]
    rewrite(folder / name, change)
    with pytest.raises(Damaged, match="no whole checkpoint of this network and optimizer"):
        read_checkpoint(folder, mine, IDENTITY)
    assert all(torch.equal(value, before[key]) for key, value in mine.model.state_dict().items())
    assert find_checkpoint(tmp_path, "latest", mine, IDENTITY) is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("size", [0, 9, 300])
def test_a_file_that_is_cut_off_or_gone_makes_an_older_one_do(tmp_path, name, size):
    saved(tmp_path, 2)
    newest = saved(tmp_path, 3)
    data = (newest / name).read_bytes()
    (newest / name).write_bytes(data[: min(size, len(data) - 1)])
    assert find_checkpoint(tmp_path, "latest", parts(), IDENTITY).step == 2
    (newest / name).unlink()
    assert find_checkpoint(tmp_path, "latest", parts(), IDENTITY).step == 2


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ({**IDENTITY, "seed": 1}, "another seed: 42 there, 1 here"),
        ({**IDENTITY, "config": {"latent_size": 5}}, r"another config \(latent_size\): 4 there, 5 here"),
        ({**IDENTITY, "ema_decay": 0.9}, "another ema_decay, or none: nothing there says"),
    ],
)
@pytest.mark.parametrize("wanted", ["latest", "the folder"])
def test_a_checkpoint_of_another_run_is_no_damaged_one(tmp_path, identity, message, wanted):
    """It is not passed over: the run would start from its beginning and replace it."""
    saved(tmp_path, 2)
    folder = saved(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        find_checkpoint(tmp_path, "latest" if wanted == "latest" else str(folder), parts(), identity)
    assert not isinstance(caught.value, Damaged)


def test_the_same_step_is_replaced_and_what_is_not_ours_is_kept(tmp_path, caplog):
    old, other = parts(steps=3), parts(steps=3)
    folder = saved(tmp_path, 3, old)
    (folder / "mine.txt").write_text("mine")
    (folder / "optimizer.safetensors").write_bytes(b"damaged")
    (tmp_path / "checkpoint-4").write_text("mine")
    (tmp_path / "checkpoint-5").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "checkpoint-6").mkdir()
    (tmp_path / "checkpoint-6" / "model.safetensors").write_text("of another program")
    for step in (3, 4, 5, 6):
        saved(tmp_path, step, other)
    assert [path.name for path in list_checkpoints(tmp_path)] == [f"checkpoint-{step}" for step in (3, 4, 5, 6)]
    assert (folder / "mine.txt").read_text() == "mine" and not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "checkpoint-4.moved-1").read_text() == "mine"
    assert (tmp_path / "checkpoint-6.moved-1" / "model.safetensors").read_text() == "of another program"
    assert torch.equal(load_file(folder / "model.safetensors")["encoder.0.bias"], other.model.encoder[0].bias)
    assert not list(tmp_path.glob(".tmp*"))


@pytest.mark.parametrize("link", ["dangling", "to a checkpoint", "to a folder", "file"])
def test_links_and_files_are_never_followed_or_removed(tmp_path, link):
    root, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    target = saved(elsewhere, 1) if link == "to a checkpoint" else elsewhere
    (elsewhere / "model.safetensors").write_text("precious")
    for name in ("checkpoint-1", ".tmp-checkpoint-1"):
        path = root / name
        path.write_text("mine") if link == "file" else path.symlink_to("/nowhere" if link == "dangling" else target)
    before = sorted(str(path) for path in elsewhere.rglob("*"))
    for step in (2, 3, 4):
        saved(root, step)
    prune_checkpoints(root, 1, 4)
    drop_newer(root, 0)
    assert sorted(str(path) for path in elsewhere.rglob("*")) == before
    assert sorted(path.name for path in root.iterdir()) == [".tmp-checkpoint-1", "checkpoint-1"]


def test_pruning_counts_only_what_this_attempt_wrote(tmp_path):
    for step in (1, 2, 3, 9):
        saved(tmp_path, step)
    (tmp_path / "checkpoint-9" / "model.safetensors").write_bytes(b"damaged")
    (tmp_path / "checkpoint-1" / "mine.txt").write_text("mine")
    prune_checkpoints(tmp_path, 1, 3)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-3", "checkpoint-9"]
    assert os.listdir(tmp_path / "checkpoint-1") == ["mine.txt"]


def test_a_folder_of_another_name_may_be_named(tmp_path):
    folder = saved(tmp_path)
    kept = folder.rename(tmp_path / "kept")
    assert find_checkpoint(tmp_path / "none", str(kept), parts(), IDENTITY).step == 3
    with pytest.raises(InputError, match="no whole checkpoint"):
        find_checkpoint(tmp_path, str(tmp_path / "checkpoint-3"), parts(), IDENTITY)


def test_averaged_weights_need_the_trained_ones_beside_them(tmp_path):
    both = replace(parts(), beside=parts(steps=1).model)
    folder = saved(tmp_path, 3, both)
    other = replace(parts(steps=2), beside=parts(steps=2).model)
    restore(read_checkpoint(folder, other, IDENTITY), other)
    assert torch.equal(other.beside.encoder[0].weight, both.beside.encoder[0].weight)
    (folder / "trained.safetensors").unlink()
    with pytest.raises(Damaged, match=r"trained\.safetensors"):
        read_checkpoint(folder, other, IDENTITY)
