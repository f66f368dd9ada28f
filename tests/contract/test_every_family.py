"""What every family promises. One list of families, one set of promises, nothing skipped."""

import copy
import json
import sys

import numpy as np
import pytest
import torch
from families import (
    DECODED,
    GAMES,
    OF_IMAGES,
    OTHER_SIZES,
    RECONSTRUCTING,
    ROWS,
    TINY_CONFIGS,
    part_of,
    tiny_classifier,
    tiny_config,
    tiny_inputs,
    tiny_model,
)
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    AutoModelForPreTraining,
    pipeline,
)
from transformers.dynamic_module_utils import get_imports
from transformers.utils.generic import can_return_loss

from pretune.training.publishing.code_export import export_code

every_family = pytest.mark.parametrize("family", list(ROWS))
of_images = pytest.mark.parametrize("family", OF_IMAGES)
reconstructing = pytest.mark.parametrize("family", RECONSTRUCTING)


@pytest.fixture
def inputs(family):
    return tiny_inputs(family)


def one_by_one(inputs):
    """Batches of one sample each."""
    return [
        {name: value[k : k + 1] for name, value in inputs.items()} for k in range(len(next(iter(inputs.values()))))
    ]


def edit_weights(folder, change):
    """Apply `change` to the dictionary of tensors in a checkpoint."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@every_family
def test_every_registered_family_is_tested(family):
    assert family in TINY_CONFIGS and family.startswith("pretune_")


@every_family
def test_config_round_trip(family, tmp_path):
    config = tiny_config(family)
    config.save_pretrained(tmp_path)
    loaded = type(config).from_pretrained(tmp_path)
    drop = ("transformers_version", "architectures", "dtype")
    assert {k: v for k, v in loaded.to_dict().items() if k not in drop} == {
        k: v for k, v in config.to_dict().items() if k not in drop
    }
    assert isinstance(AutoConfig.from_pretrained(tmp_path), type(config))


@every_family
def test_output_starts_with_the_embedding_then_reconstruction_then_loss(family, inputs):
    model = tiny_model(family)
    output = model(**inputs)
    rebuilt = ["reconstruction"] if model.reconstructs else []
    assert list(output)[: 2 + len(rebuilt)] == ["latents", *rebuilt, "loss"]
    assert output.latents.shape == (4, model.config.latent_size)
    if rebuilt:
        assert output.reconstruction.shape == inputs[model.main_input_name].shape
        lowest = -1 if ROWS[family].modality == "speech" else 0
        assert output.reconstruction.min() >= lowest and output.reconstruction.max() <= 1
    assert output.loss.shape == ()
    assert model(**inputs, return_loss=False).loss is None
    assert can_return_loss(type(model))  # else Trainer gives no eval_loss


@reconstructing
def test_encode_decode_reconstruct_agree_with_forward(family, inputs):
    model = tiny_model(family).eval()
    output = model(**inputs)
    torch.testing.assert_close(model.encode(**inputs), output.latents)
    torch.testing.assert_close(model.reconstruct(**inputs), output.reconstruction)
    decoded = model.decode(DECODED[family](model, **inputs) if family in DECODED else output.latents)
    assert decoded.shape == inputs[model.main_input_name].shape
    if family not in DECODED:
        torch.testing.assert_close(decoded, output.reconstruction)


@every_family
def test_eval_mode_repeats_itself_and_does_not_depend_on_the_batch(family, inputs):
    model = tiny_model(family).eval()
    first, second = model(**inputs), model(**inputs)
    assert torch.equal(first.latents, second.latents) and torch.equal(first.loss, second.loss)
    single = torch.cat([model.encode(**one) for one in one_by_one(inputs)])
    torch.testing.assert_close(single, first.latents, rtol=1e-5, atol=1e-5)


@every_family
def test_same_seed_gives_the_same_weights(family):
    models = []
    for _ in range(2):
        torch.manual_seed(7)
        models.append(tiny_model(family).state_dict())
    assert all(torch.equal(models[0][k], models[1][k]) for k in models[0])


@every_family
def test_every_parameter_gets_a_gradient_and_no_frozen_one_is_zero(family, inputs):
    for model in (tiny_model(family), tiny_classifier(family)):
        extra = {"labels": torch.tensor([0, 1, 2, 0])} if hasattr(model, "classifier") else {}
        model(**inputs, **extra).loss.backward()
        trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        assert [n for n, p in trained.items() if p.grad is None or not p.grad.isfinite().all()] == []
        assert [n for n, p in trained.items() if not p.grad.any()] == []
        assert [n for n, p in model.named_parameters() if not p.requires_grad and not p.any()] == []


@every_family
def test_twenty_steps_of_a_users_own_loop_lower_the_loss(family, inputs):
    model = tiny_model(family)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    if family in GAMES:
        assert np.isfinite(losses).all()
        start = dict(tiny_model(family).named_parameters())
        assert all(not torch.equal(p, start[name]) for name, p in model.named_parameters())
    else:
        assert losses[-1] < 0.9 * losses[0]


@every_family
def test_bfloat16_is_finite(family, inputs):
    model = tiny_model(family).to(torch.bfloat16)
    halved = {name: v.to(torch.bfloat16) if v.is_floating_point() else v for name, v in inputs.items()}
    assert model(**halved).loss.isfinite()


@of_images
def test_wrong_pixels_are_refused_with_the_repair(family, inputs):
    model = tiny_model(family)
    with pytest.raises(ValueError, match=r"expected \(batch, channels, height, width\) = \(B, 1, 8, 8\).*Resize"):
        model(inputs["pixel_values"].repeat(1, 1, 2, 2))
    with pytest.raises(ValueError, match="Divide 8-bit pixels by 255"):
        model((inputs["pixel_values"] * 255).to(torch.uint8))


@every_family
def test_save_and_load_are_bit_equal(family, inputs, tmp_path):
    for model in (tiny_model(family).eval(), tiny_classifier(family).eval()):
        model.save_pretrained(tmp_path / type(model).__name__)
        loaded = type(model).from_pretrained(tmp_path / type(model).__name__)
        assert not loaded.training
        assert list(loaded.state_dict()) == list(model.state_dict())
        assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())
        assert torch.equal(model(**inputs)[0], loaded(**inputs)[0])


@every_family
def test_loading_does_not_touch_the_random_numbers(family, tmp_path):
    tiny_model(family).save_pretrained(tmp_path)
    before = torch.get_rng_state()
    ROWS[family].model.from_pretrained(tmp_path)
    assert torch.equal(before, torch.get_rng_state())


@every_family
def test_autoencoder_to_classifier_and_back(family, inputs, tmp_path):
    base = tiny_model(family).eval()
    base.save_pretrained(tmp_path / "base")
    head = ROWS[family].classifier.from_pretrained(tmp_path / "base", num_labels=3)
    count = sum(k.startswith("encoder.") for k in base.state_dict())
    told = f"{count} of {count} encoder tensors loaded from {tmp_path / 'base'}; classifier is new"
    assert str(head.load_report) == told
    part = part_of(family)
    assert getattr(head.base_model, part) is None and not any(f"{part}." in key for key in head.state_dict())
    assert torch.equal(head.base_model.encode(**inputs), base.encode(**inputs))
    head.save_pretrained(tmp_path / "head")
    assert json.loads((tmp_path / "head/config.json").read_text())["has_decoder"] is False
    again = ROWS[family].model.from_pretrained(tmp_path / "head")
    assert again.load_report.loaded == count and not again.load_report.new
    assert torch.equal(again.encode(**inputs), base.encode(**inputs))
    if again.reconstructs:
        with pytest.raises(ValueError, match="holds only an encoder.*reconstruction_weight"):
            again.decode(again.encode(**inputs))
    else:
        assert again(**inputs).loss is None and not hasattr(again, "decode")


@every_family
def test_reconstruction_weight_keeps_the_trained_decoder_and_adds_its_loss(family, inputs, tmp_path):
    base = tiny_model(family).eval()
    base.save_pretrained(tmp_path)
    labels = torch.tensor([0, 1, 2, 0])
    torch.manual_seed(1)
    both = ROWS[family].classifier.from_pretrained(tmp_path, num_labels=3, reconstruction_weight=0.5)
    torch.manual_seed(1)
    plain = ROWS[family].classifier.from_pretrained(tmp_path, num_labels=3)
    expected = plain(**inputs, labels=labels).loss + 0.5 * base(**inputs).loss
    torch.testing.assert_close(both(**inputs, labels=labels).loss, expected)


@every_family
def test_building_a_classifier_leaves_the_callers_config_alone(family):
    config = tiny_config(family, num_labels=3)
    before = copy.deepcopy(config.to_dict())
    ROWS[family].classifier(config)
    assert config.to_dict() == before


@every_family
def test_single_and_multi_label_losses(family, inputs):
    single = tiny_classifier(family, problem_type="single_label_classification").eval()
    labels = torch.tensor([0, 2, 1, 1])
    output = single(**inputs, labels=labels)
    torch.testing.assert_close(output.loss, torch.nn.CrossEntropyLoss()(output.logits, labels))
    several = tiny_classifier(family, problem_type="multi_label_classification").eval()
    hot = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    output = several(**inputs, labels=hot)
    p = output.logits.sigmoid()
    by_hand = -(hot * p.log() + (1 - hot) * (1 - p).log()).mean()
    torch.testing.assert_close(output.loss, by_hand)
    with pytest.raises(ValueError, match=r"labels have shape \(4,\), expected \(4, 3\)"):
        several(**inputs, labels=labels)


@every_family
def test_real_numbers_have_the_squared_error(family, inputs):
    model = tiny_classifier(family, problem_type="regression").eval()
    targets = torch.randn(4, 3, requires_grad=False)
    output = model(**inputs, labels=targets)
    torch.testing.assert_close(output.loss, (output.logits - targets).square().mean())
    with pytest.raises(ValueError, match=r"labels have shape \(4,\), expected \(4, 3\) for regression"):
        model(**inputs, labels=targets[:, 0])
    alone = tiny_classifier(family, problem_type="regression", num_labels=1).eval()
    output = alone(**inputs, labels=targets[:, 0])
    torch.testing.assert_close(output.loss, (output.logits[:, 0] - targets[:, 0]).square().mean())


@every_family
@pytest.mark.parametrize("of_encoder", [True, False])
@pytest.mark.parametrize("damage", ["removed", "renamed", "reshaped", "nan"])
def test_an_incomplete_checkpoint_is_refused_by_name(family, tmp_path, of_encoder, damage):
    part = "encoder." if of_encoder else f"{part_of(family)}."
    tiny_model(family).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    key = next(k for k, v in tensors.items() if k.startswith(part) and v.is_floating_point())

    def change(tensors):
        value = tensors.pop(key)
        if damage == "renamed":
            tensors["other." + key] = value
        elif damage == "reshaped":
            tensors[key] = torch.zeros(*value.shape, 2)
        elif damage == "nan":
            tensors[key] = value * float("nan")

    edit_weights(tmp_path, change)
    by_name = pytest.raises(ValueError, match=key.replace(".", r"\."))
    for model_class in (ROWS[family].model, AutoModel):
        with by_name:
            model_class.from_pretrained(tmp_path)
    if of_encoder:
        with by_name:
            ROWS[family].classifier.from_pretrained(tmp_path, num_labels=3)
    else:  # a classifier needs no decoder
        assert ROWS[family].classifier.from_pretrained(tmp_path, num_labels=3).load_report.new == ("classifier",)


@every_family
def test_a_head_of_another_size_is_new_only_on_request(family, tmp_path):
    tiny_classifier(family).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="classifier.weight.*ignore_mismatched_sizes=True"):
        ROWS[family].classifier.from_pretrained(tmp_path, num_labels=5)
    model = ROWS[family].classifier.from_pretrained(tmp_path, num_labels=5, ignore_mismatched_sizes=True)
    assert model.classifier.out_features == 5 and model.load_report.new == ("classifier",)


@every_family
def test_a_classifier_checkpoint_without_its_classifier_is_refused(family, tmp_path):
    tiny_classifier(family).save_pretrained(tmp_path)
    edit_weights(tmp_path, lambda tensors: tensors.pop("classifier.bias"))
    with pytest.raises(ValueError, match="classifier.bias"):
        ROWS[family].classifier.from_pretrained(tmp_path)


@every_family
@pytest.mark.parametrize("fault", ["no config", "empty folder", "truncated", "header"])
def test_a_broken_folder_is_refused(family, tmp_path, fault):
    tiny_model(family).save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    if fault == "no config":
        (tmp_path / "config.json").unlink()
    elif fault == "empty folder":
        for path in tmp_path.iterdir():
            path.unlink()
    elif fault == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        raw = bytearray(weights.read_bytes())
        raw[8:24] = bytes(16)
        weights.write_bytes(raw)
    error, words = {
        "no config": (OSError, "config.json"),
        "empty folder": (OSError, "config.json"),
        "truncated": (SafetensorError, "incomplete|larger"),
        "header": (SafetensorError, "header"),
    }[fault]
    with pytest.raises(error, match=words):
        ROWS[family].model.from_pretrained(tmp_path)


@every_family
def test_a_checkpoint_of_another_family_is_refused(family, tmp_path):
    from transformers import ViTConfig, ViTModel

    ViTModel(
        ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(tmp_path)
    for model_class in (ROWS[family].model, ROWS[family].classifier):
        with pytest.raises(ValueError, match=f"is a checkpoint of type 'vit', expected '{family}'"):
            model_class.from_pretrained(tmp_path)


@every_family
def test_a_config_of_another_size_is_refused(family, tmp_path):
    tiny_model(family).save_pretrained(tmp_path)
    tiny_config(family, **OTHER_SIZES[family]).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="tensors of .* are missing or of another shape"):
        ROWS[family].model.from_pretrained(tmp_path)


@of_images
def test_auto_classes_and_pipelines_from_one_folder(family, tmp_path):
    import PIL.Image

    config = tiny_config(family)
    processor = ROWS[family].processor.for_config(config)
    tiny_model(family).save_pretrained(tmp_path / "base")
    classifier = tiny_classifier(family)
    classifier.save_pretrained(tmp_path / "head")
    for name in ("base", "head"):
        processor.save_pretrained(tmp_path / name)
        assert type(AutoModel.from_pretrained(tmp_path / name)) is ROWS[family].model
        assert type(AutoImageProcessor.from_pretrained(tmp_path / name)) is ROWS[family].processor
    assert type(AutoModelForPreTraining.from_pretrained(tmp_path / "base")) is ROWS[family].model
    assert type(AutoModelForImageClassification.from_pretrained(tmp_path / "head")) is ROWS[family].classifier

    colour = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 16, 3), dtype=np.uint8))
    colour.save(tmp_path / "picture.png")
    extract = pipeline("image-feature-extraction", model=str(tmp_path / "base"))
    classify = pipeline("image-classification", model=str(tmp_path / "head"))
    for picture in (colour, colour.convert("L"), str(tmp_path / "picture.png")):
        assert np.array(extract(picture)).shape == (1, config.latent_size)
        answers = classify(picture, top_k=3)
        assert len(answers) == 3 and sum(a["score"] for a in answers) == pytest.approx(1, abs=1e-4)
    assert extract(colour.convert("L")) == extract(colour.convert("L").convert("RGB"))


@every_family
def test_trains_and_evaluates_in_transformers_trainer_without_labels(family, inputs, tmp_path):
    from transformers import Trainer, TrainingArguments

    rows = [{name: v[0] for name, v in one.items()} for one in one_by_one(inputs)] * 4
    trainer = Trainer(
        model=tiny_model(family),
        args=TrainingArguments(
            tmp_path, max_steps=10, learning_rate=1e-2, report_to="none", use_cpu=True, disable_tqdm=True
        ),
        train_dataset=rows,
        eval_dataset=rows,
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    after = trainer.evaluate()["eval_loss"]
    assert np.isfinite(after) and (family in GAMES or after < before)


@every_family
def test_classifier_trains_in_transformers_trainer(family, inputs, tmp_path):
    from transformers import Trainer, TrainingArguments

    rows = [{name: v[0] for name, v in one.items()} for one in one_by_one(inputs)] * 4
    rows = [{**row, "labels": k % 3} for k, row in enumerate(rows)]
    trainer = Trainer(
        model=tiny_classifier(family),
        args=TrainingArguments(tmp_path, max_steps=2, report_to="none", use_cpu=True, disable_tqdm=True),
        train_dataset=rows,
        eval_dataset=rows,
        compute_metrics=lambda p: {"accuracy": float((p.predictions.argmax(1) == p.label_ids).mean())},
    )
    trainer.train()
    assert 0 <= trainer.evaluate()["eval_accuracy"] <= 1


@every_family
def test_code_carried_to_the_hub_needs_no_package_that_loading_does_not(family, tmp_path):
    """transformers refuses remote code, wherever its `import` stands, if one of its packages is not installed."""
    for cls in (ROWS[family].config, ROWS[family].model, ROWS[family].classifier, ROWS[family].processor):
        if not cls.__module__.startswith("pretune."):
            continue  # transformers' own
        for name, source in export_code(cls)[1].items():
            (tmp_path / name).write_text(source)
            outside = set(get_imports(tmp_path / name)) - sys.stdlib_module_names
            assert outside <= {"torch", "transformers", "huggingface_hub", "safetensors", "numpy", "yaml", "PIL"}, name
