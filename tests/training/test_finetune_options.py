"""What fine-tuning can do beside plain cross-entropy: each option changes what it says, and nothing else."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageClassification, ResNetConfig, ResNetForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import pretune
from pretune import AutoencoderConfig, AutoencoderForImageClassification, InputError
from pretune.modeling.shared.images.augmentation import augment, mixup, strengthen, weaken
from pretune.training.command.arguments.finetune import FinetuneArguments
from pretune.training.learning.best_weights import BestWeights
from pretune.training.learning.classifying import Classifying, align
from pretune.training.modalities.image import IMAGE

TINY = {"hidden_sizes": [16, 8], "latent_size": 4}
RESNET = ResNetConfig(layer_type="basic", num_labels=4, embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1])


def arguments(**options):
    return FinetuneArguments(from_scratch=True, dataset="digits", output_dir="unused", **options)


def wrap(model, **options):
    return Classifying(model, arguments(**options), IMAGE.changes, torch.nn.Identity())


def network(**options):
    torch.manual_seed(0)
    return AutoencoderForImageClassification(AutoencoderConfig(image_size=8, num_labels=3, **TINY, **options))


@pytest.fixture
def resnet(tmp_path):
    """A ResNet as somebody else left it: checkpoint and image processor."""
    torch.manual_seed(0)
    ResNetForImageClassification(RESNET).save_pretrained(tmp_path / "resnet")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "resnet")
    return str(tmp_path / "resnet")


@pytest.fixture
def quick(npz, tmp_path):
    return {
        "dataset": npz, "output_dir": tmp_path / "run", "num_train_epochs": 12, "per_device_train_batch_size": 8,
        "learning_rate": 3e-3, "disable_tqdm": True, "logging_steps": 1,
    }  # fmt: skip


# --- any classifier of transformers ----------------------------------------------------------------------------------


def test_a_resnet_goes_on_from_one_set_to_another(resnet, quick, npz, tmp_path):
    first = pretune.finetune(model=resnet, **quick)
    assert first.metrics["eval_accuracy"] > 80 and "classifier is new" in first.record["loading_report"]
    plain = AutoModelForImageClassification.from_pretrained(tmp_path / "run")  # what a process without pretune does
    assert type(plain) is ResNetForImageClassification and plain.config.id2label == {0: "0", 1: "1", 2: "2"}
    assert json.loads((tmp_path / "run/preprocessor_config.json").read_text())["size"] == {"height": 16, "width": 16}
    images, labels = np.load(npz)["image"], np.load(npz)["label"]
    np.savez(tmp_path / "other.npz", image=images, label=labels % 2)
    second = pretune.finetune(
        model=tmp_path / "run", **{**quick, "dataset": tmp_path / "other.npz", "output_dir": tmp_path / "second"}
    )
    assert second.model.config.num_labels == 2 and second.record["base_source"] == "local"
    again = pretune.finetune(model=resnet, resume_from_checkpoint="latest", **quick)  # finished already: loaded
    assert torch.equal(again.model.classifier[1].weight, first.model.classifier[1].weight)


def test_frozen_batch_norms_keep_their_statistics_and_learn_their_scale(resnet, quick, tmp_path):
    before = ResNetForImageClassification.from_pretrained(resnet, num_labels=3, ignore_mismatched_sizes=True)
    before = before.state_dict()
    for freeze in (True, False):
        options = {**quick, "output_dir": tmp_path / str(freeze), "num_train_epochs": 1, "freeze_batch_norm": freeze}
        after = pretune.finetune(model=resnet, **options).model.state_dict()
        statistics = [name for name in after if "running_" in name]
        assert statistics and all(torch.equal(before[name], after[name]) == freeze for name in statistics)
        scale = statistics[0].replace("running_mean", "weight")
        assert not torch.equal(before[scale], after[scale])


def test_a_resnet_from_scratch_and_frozen(resnet, quick, tmp_path):
    scratch = pretune.finetune(model=resnet, from_scratch=True, **quick)
    assert scratch.record["loading_report"] == "all weights are new (from scratch)"
    frozen = pretune.finetune(model=resnet, freeze_encoder=True, **{**quick, "output_dir": tmp_path / "frozen"})
    before = ResNetForImageClassification.from_pretrained(resnet).state_dict()
    for name, value in frozen.model.state_dict().items():
        assert name.startswith("classifier") or torch.equal(value, before[name]), name  # norm statistics too


def test_our_config_fields_do_not_apply_to_other_models(resnet, quick):
    with pytest.raises(InputError, match="config.latent_size cannot be changed.*only nothing can"):
        pretune.finetune(model=resnet, config={"latent_size": 3}, **quick)
    with pytest.raises(InputError, match="reconstruction_weight needs a model with a decoder"):
        pretune.finetune(model=resnet, reconstruction_weight=1.0, **quick)


# --- what is learnt from ---------------------------------------------------------------------------------------------


def test_augmentations_keep_shape_and_range_and_do_what_they_say():
    x = torch.rand(64, 3, 12, 12)
    for kinds in (["crop"], ["flip"], ["affine"], ["elastic"], ["crop", "flip", "affine", "elastic"]):
        y = augment(x, kinds)
        assert y.shape == x.shape and y.min() >= 0 and y.max() <= 1 and not torch.equal(x, y)
    flipped = augment(x, ["flip"])
    same = (flipped == x).flatten(1).all(1)
    assert torch.equal(flipped[~same], x[~same].flip(3)) and 10 < same.sum() < 54
    assert torch.equal(augment(x, []), x)
    for change in (weaken, strengthen):
        assert change(x, ["flip"]).shape == x.shape
    assert (strengthen(x, []) - x).abs().mean() > (weaken(x, []) - x).abs().mean()


def test_mixup_blends_images_and_targets_alike():
    x, targets = torch.rand(6, 1, 4, 4), torch.eye(6)
    mixed, blended = mixup(x, targets, 0.5)
    torch.testing.assert_close(mixed, torch.einsum("ij,jchw->ichw", blended, x))
    torch.testing.assert_close(blended.sum(1), torch.ones(6))


def test_label_smoothing_is_torchs():
    model, x, y = network(), torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1])
    wrapped = wrap(model, label_smoothing=0.1).train()
    expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(model(x).logits, y)
    torch.testing.assert_close(wrapped(y, pixel_values=x).loss, expected)
    plain = wrap(model).train()
    torch.testing.assert_close(plain(y, pixel_values=x).loss, model(x, y).loss)
    torch.testing.assert_close(
        wrapped.eval()(y, pixel_values=x).loss, model(x, y).loss
    )  # nothing of it when it is judged


def test_a_compiled_classifier_gives_the_same_fields():
    wrapped = wrap(network(), unlabelled_dataset="digits").train()
    x, y, u = torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1]), torch.rand(7, 1, 8, 8)
    output = torch.compile(wrapped, backend="eager")(y, {"pixel_values": u}, pixel_values=x)
    assert output.loss.shape == output["pseudo_labelled"].shape == () and output.logits.shape == (5, 3)


def test_reconstruction_weight_keeps_the_pretraining_loss(quick, tmp_path):
    base = pretune.pretrain(**{**quick, "output_dir": tmp_path / "base"}, config=TINY)
    kept = pretune.finetune(model=base.output_dir, reconstruction_weight=0.5, label_smoothing=0.1, **quick)
    assert kept.model.config.has_decoder and kept.model.base_model.decoder is not None
    assert not torch.equal(kept.model.base_model.decoder[0].weight, base.model.decoder[0].weight)


# --- unlabelled images -----------------------------------------------------------------------------------------------


def test_consistency_counts_only_sure_pseudo_labels():
    model, x, y, u = network(), torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1]), torch.rand(7, 1, 8, 8)
    never = wrap(model, confidence_threshold=1.0).train()
    output = never(y, {"pixel_values": u}, pixel_values=x)
    torch.testing.assert_close(output.loss, model(x, y).loss)
    assert output.pseudo_labelled == 0 and never.logged_outputs == ()
    options = {"unlabelled_dataset": "digits", "confidence_threshold": 0.0, "consistency_weight": 2.0}
    always = wrap(model, **options).train()
    output = always(y, {"pixel_values": u}, pixel_values=x)
    assert output.pseudo_labelled == 1 and output.loss > model(x, y).loss
    output.loss.backward()
    assert model.classifier.weight.grad.abs().sum() > 0


def test_aligned_guesses_are_as_frequent_as_labels_and_a_mistaken_class_gives_way():
    shares = torch.tensor([0.5, 0.5])
    even = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    torch.testing.assert_close(align(even, shares), even)
    biased = torch.tensor([[0.99, 0.01], [0.97, 0.03], [0.6, 0.4], [0.55, 0.45]])  # class 1 is hardly ever guessed
    aligned = align(biased, shares)
    torch.testing.assert_close(aligned.sum(1), torch.ones(4))
    assert biased.argmax(1).tolist() == [0, 0, 0, 0] and aligned.argmax(1).tolist() == [0, 0, 1, 1]
    assert align(even, torch.tensor([1.0, 0.0]))[:, 1].sum() == 0


def test_averaged_weights_follow_and_are_what_is_kept():
    model = network()
    wrapped = wrap(model, ema_decay=0.5).train()
    before = wrapped.averaged.classifier.weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(4):  # accumulated into one step
        wrapped(torch.tensor([0, 1]), pixel_values=torch.rand(2, 1, 8, 8)).loss.backward()
    assert torch.equal(wrapped.averaged.classifier.weight, before)
    optimizer.step()
    wrapped.after_step()
    now = model.classifier.weight.detach()  # the step itself enters
    assert not torch.equal(now, before)
    torch.testing.assert_close(wrapped.averaged.classifier.weight, (before + now) / 2)
    assert wrapped.kept is wrapped.averaged and not any(p.requires_grad for p in wrapped.averaged.parameters())


def test_unlabelled_images_help_and_a_resumed_run_ends_the_same(tmp_path):
    digits = {"dataset": "digits", "unlabelled_dataset": "digits", "labels_per_class": 4, "from_scratch": True}
    options = {
        "config": {"hidden_sizes": [64, 32], "latent_size": 16}, "max_steps": 120, "unlabelled_batch_size": 64,
        "ema_decay": 0.9, "confidence_threshold": 0.8, "learning_rate": 3e-3, "disable_tqdm": True,
        "augmentation": ["crop"],
    }  # fmt: skip
    whole = pretune.finetune(**digits, **options, output_dir=tmp_path / "whole", checkpointing_steps="80")
    without = pretune.finetune(
        **{**digits, "unlabelled_dataset": None}, **options, output_dir=tmp_path / "without", checkpointing_steps="no"
    )
    assert whole.metrics["eval_accuracy"] > without.metrics["eval_accuracy"] - 2
    for path in (tmp_path / "whole").glob("*"):  # as a kill after step 80 would have left it
        if path.is_file() and path.name in ("model.safetensors", "config.json"):
            path.unlink()
    record = json.loads((tmp_path / "whole/run.json").read_text())
    (tmp_path / "whole/run.json").write_text(json.dumps({**record, "status": "running"}))
    again = pretune.finetune(
        **digits, **options, output_dir=tmp_path / "whole", checkpointing_steps="80", resume_from_checkpoint="latest"
    )
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


# --- when to stop, and how little to train ---------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_weights(quick, tmp_path):
    result = pretune.finetune(
        from_scratch=True, config=TINY, early_stopping_patience=2, **{**quick, "num_train_epochs": 200}
    )
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    accuracies = [line["validation_accuracy"] for line in lines if "validation_accuracy" in line]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) - 1 - best == 2 and result.record["global_step"] < 200 * 4
    assert not (tmp_path / "run/best.safetensors").exists()


def test_early_stopping_judges_every_epoch_and_its_end_is_logged(quick, tmp_path):
    options = {**quick, "num_train_epochs": 200, "logging_steps": 50}  # an epoch has 4 steps
    result = pretune.finetune(from_scratch=True, config=TINY, early_stopping_patience=2, **options)
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    epochs = [line["epoch"] for line in lines if "validation_accuracy" in line]
    assert epochs == list(range(1, len(epochs) + 1)) and result.record["global_step"] < 200 * 4
    assert lines[-1]["eval_accuracy"] == result.metrics["eval_accuracy"]
    assert lines[-1]["step"] == result.record["global_step"]


def test_early_stopping_with_several_labels_an_image(quick, blobs, tmp_path):
    images, labels = blobs
    hot = np.eye(3, dtype=np.int64)[labels]
    hot[:, 0] |= hot[:, 1]
    np.savez(tmp_path / "several.npz", image=images, label=hot)
    options = {**quick, "dataset": tmp_path / "several.npz", "num_train_epochs": 3}
    pretune.finetune(from_scratch=True, config=TINY, early_stopping_patience=9, **options)
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    judged = [line["validation_accuracy"] for line in lines if "validation_accuracy" in line]
    assert len(judged) == 3 and all(0 <= accuracy <= 100 for accuracy in judged)


def test_best_weights_are_those_of_the_first_best_epoch(tmp_path):
    model = torch.nn.Linear(2, 2)
    best = BestWeights(tmp_path, [])
    for accuracy, value in ((50.0, 1.0), (70.0, 2.0), (70.0, 3.0), (60.0, 4.0)):
        torch.nn.init.constant_(model.weight, value)
        best.add(accuracy, model, True)
    assert best.epochs_since == 2
    best.restore(model)
    assert (model.weight == 2).all()


def test_lora_trains_little_and_leaves_a_plain_checkpoint(quick, resnet, tmp_path):
    pytest.importorskip("peft", reason="the lora extra is not installed")
    base = pretune.pretrain(**{**quick, "output_dir": tmp_path / "base"}, config=TINY)
    for number, model in enumerate((base.output_dir, resnet)):
        result = pretune.finetune(model=model, lora_rank=2, **{**quick, "output_dir": tmp_path / f"lora-{number}"})
        trained = result.record["model"]
        assert trained["trained_parameters"] < trained["parameters"]
        plain = AutoModelForImageClassification.from_pretrained(tmp_path / f"lora-{number}")
        assert not any("lora" in name for name in plain.state_dict())
        assert result.metrics["eval_accuracy"] > 30
    before = base.model.encoder[0].weight
    after = AutoModelForImageClassification.from_pretrained(tmp_path / "lora-0").autoencoder.encoder[0].weight
    assert np.linalg.matrix_rank((after - before).detach().numpy(), tol=1e-5) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_smoothing": 1.5}, "label_smoothing must lie between 0 and 0.999"),
        ({"layerwise_lr_decay": 2}, "layerwise_lr_decay must be larger than 0 and at most 1, got 2"),
        (
            {"layerwise_lr_decay": 0},
            "larger than 0 and at most 1, got 0; for an encoder that stays .* --freeze_encoder",
        ),
        ({"lora_rank": 2}, "lora_rank adds to a pretrained encoder"),
        ({"ema_decay": 1.0}, "ema_decay must lie between"),
        ({"reconstruction_weight": -1e-300}, "reconstruction_weight must lie between 0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        arguments(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"freeze_encoder": True, "gradual_unfreezing": True}, "gradual_unfreezing is about an encoder that learns"),
        ({"freeze_encoder": True, "layerwise_lr_decay": 0.5}, "layerwise_lr_decay is about an encoder that learns"),
        ({"freeze_encoder": True, "encoder_learning_rate": 1e-4}, "encoder_learning_rate is about an encoder"),
        ({"freeze_encoder": True, "reconstruction_weight": 0.5}, "reconstruction_weight is about an encoder"),
        ({"consistency_weight": 2.0}, "consistency_weight is about unlabelled samples: pass --unlabelled_dataset"),
        ({"distribution_alignment": True}, "distribution_alignment is about unlabelled samples"),
        ({"unlabelled_split": "extra"}, "unlabelled_split is about unlabelled samples"),
    ],
)
def test_what_would_be_ignored_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        FinetuneArguments(model="x", dataset="digits", output_dir="unused", **options)
    FinetuneArguments(model="x", dataset="digits", output_dir="unused", freeze_encoder=True, reconstruction_weight=0)


def test_a_change_that_there_is_none_of_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="augmentation 'swirl' is unknown for images: expected some of .*crop"):
        pretune.finetune(from_scratch=True, dataset="nowhere.npz", augmentation=["swirl"], output_dir=tmp_path / "run")


def test_a_missing_peft_names_the_extra(monkeypatch, quick, resnet):
    import builtins

    real = builtins.__import__

    def without(name, *words, **options):
        if name == "peft":
            raise ImportError("no peft")
        return real(name, *words, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'pretune\[lora\]'"):
        pretune.finetune(model=resnet, lora_rank=2, **quick)
