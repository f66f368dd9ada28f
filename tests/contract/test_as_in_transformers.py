"""What every model of transformers can, ours can in every family: batches of pipelines, forward's further arguments,
compiled training, checkpointed activations, adapters."""

import json
import warnings

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from families import OF_IMAGES, ROWS, TINY_CONFIGS, tiny_classifier, tiny_config, tiny_inputs, tiny_model
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageClassification, Trainer, TrainingArguments, pipeline
from transformers.modeling_outputs import ModelOutput

from pretune import AutoencoderConfig, AutoencoderModel, ConvAutoencoderConfig, ConvAutoencoderModel
from pretune.modeling.shared.outputs import PretrainingOutput

every_family = pytest.mark.parametrize("family", list(ROWS))
of_images = pytest.mark.parametrize("family", OF_IMAGES)
BACKBONE = "pretune_masked_image_model"


def rows_of(family, count):
    """(count) rows of a data set for `Trainer`."""
    inputs = tiny_inputs(family, count)
    return [{name: value[k] for name, value in inputs.items()} for k in range(count)]


def training_arguments(folder, **more):
    return TrainingArguments(folder, use_cpu=True, report_to="none", disable_tqdm=True, save_strategy="no", **more)


@of_images
@pytest.mark.parametrize("given", ["folder", "folder with code", "model"])
def test_a_pipeline_takes_batches_and_gives_the_embedding_of_each(family, given, tmp_path, monkeypatch):
    """Of a folder with code, as the Hub has it, nobody is asked whether it may run: ours is known already."""
    import PIL.Image

    config, model = tiny_config(family), tiny_model(family).eval()
    processor = ROWS[family].processor.for_config(config)
    monkeypatch.setattr("builtins.input", lambda *asked: pytest.fail("asked"))
    if given != "model":
        model.save_pretrained(tmp_path)
        processor.save_pretrained(tmp_path)
        if given == "folder with code":
            for name, kind in (("config.json", "AutoConfig"), ("preprocessor_config.json", "AutoImageProcessor")):
                known = json.loads((tmp_path / name).read_text())
                (tmp_path / name).write_text(json.dumps({**known, "auto_map": {kind: f"code.{kind[4:]}"}}))
        made = {"model": str(tmp_path)}
    else:
        made = {"model": model, "image_processor": processor}
    rng = np.random.default_rng(0)
    pictures = [PIL.Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(5)]
    with torch.no_grad():
        expected = model.encode(processor(pictures, return_tensors="pt")["pixel_values"])
    found = pipeline("image-feature-extraction", **made, batch_size=2)(pictures)
    torch.testing.assert_close(torch.tensor(found)[:, 0], expected, rtol=1e-4, atol=1e-5)


@every_family
def test_predict_gives_a_row_a_sample(family, tmp_path):
    trainer = Trainer(tiny_model(family), training_arguments(tmp_path, per_device_eval_batch_size=2))
    found = trainer.predict(rows_of(family, 5))
    arrays = found.predictions if isinstance(found.predictions, tuple) else (found.predictions,)
    assert all(len(array) == 5 for array in arrays) and arrays[0].shape[1] == tiny_config(family).latent_size
    assert np.isfinite(found.metrics["test_loss"])


@every_family
def test_scalars_stay_scalars_for_who_asks_by_name_and_after_being_rebuilt(family):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family, 3)
    assert model(**inputs).loss.dim() == 0
    with torch.no_grad():
        output = model(**inputs)
    assert output.loss.dim() == output["loss"].dim() == 0
    assert all(len(value) == 3 for _, value in output.items())
    again = type(output)(dict(output.items()))  # as accelerate makes it
    torch.testing.assert_close(again.loss, output.loss)
    learning = dict(model.train()(**inputs).items())
    assert learning["loss"].dim() == 0


@every_family
def test_trainer_finds_loss_and_rows_in_tuples(family, tmp_path):
    torch.manual_seed(0)
    model, rows = tiny_model(family), rows_of(family, 5)
    expected = Trainer(model, training_arguments(tmp_path, per_device_eval_batch_size=2)).predict(rows)
    model.config.return_dict = False
    found = Trainer(model, training_arguments(tmp_path, per_device_eval_batch_size=2)).predict(rows)
    assert found.metrics["test_loss"] == pytest.approx(expected.metrics["test_loss"])
    arrays = found.predictions if isinstance(found.predictions, tuple) else (found.predictions,)
    assert all(len(array) == 5 for array in arrays) and arrays[0].shape[1] == model.config.latent_size
    model.train()(**tiny_inputs(family, 2))[0].backward()


@every_family
@pytest.mark.parametrize("made", [tiny_model, tiny_classifier])
def test_a_network_whose_weights_are_kept_elsewhere_answers_as_it_does_here(family, made):
    torch.manual_seed(0)
    model, inputs = made(family).eval(), tiny_inputs(family, 3)
    with torch.no_grad():
        expected = model(**inputs)
        found = cpu_offload(model, execution_device="cpu")(**inputs)
    assert next(model.parameters()).is_meta
    for name, value in found.items():
        torch.testing.assert_close(value, dict(expected.items())[name])
    assert len(found) == len(expected) or family == "pretune_text_autoencoder"  # whose loss stays away


@every_family
def test_a_batch_of_one_sample_is_learnt_from(family):
    loss = tiny_model(family).train()(**tiny_inputs(family, 1)).loss
    loss.backward()
    assert loss.isfinite()


def test_an_output_without_rows_is_left_alone():
    assert dict(PretrainingOutput(loss=torch.ones(())).items())["loss"].dim() == 0


@every_family
@pytest.mark.parametrize("made", [tiny_model, tiny_classifier])
@pytest.mark.parametrize("by", ["argument", "config"])
def test_tuples_and_hidden_states(family, made, by):
    torch.manual_seed(0)
    model, inputs = made(family).eval(), tiny_inputs(family, 3)
    plain = model(**inputs)
    assert isinstance(plain, ModelOutput) and plain.hidden_states is None
    wanted = {"return_dict": False} if by == "argument" else {}
    model.config.return_dict = by == "argument"
    assert isinstance(model(**inputs, **wanted), tuple)
    model.config.return_dict = True
    wanted = {"output_hidden_states": True} if by == "argument" else {}
    model.config.output_hidden_states = by == "config"
    found = model(**inputs, **wanted)
    assert found.hidden_states and all(len(states) == 3 for states in found.hidden_states)
    torch.testing.assert_close(found[0], plain[0])
    assert not [hook for module in model.modules() for hook in module._forward_pre_hooks]


@pytest.mark.parametrize("made", [tiny_model, tiny_classifier])
def test_attentions_of_a_backbone_of_tokens(made):
    model, inputs = made(BACKBONE).eval(), tiny_inputs(BACKBONE, 3)
    before = model.base_model.encoder.config._attn_implementation
    found = model(**inputs, output_attentions=True).attentions
    assert [tuple(a.shape[:2]) for a in found] == [(3, 2), (3, 2)]
    torch.testing.assert_close(found[0].sum(-1), torch.ones_like(found[0][..., 0]))
    assert model.base_model.encoder.config._attn_implementation == before
    assert model(**inputs).attentions is None


AROUND = [name for name in ROWS if "backbone_config" in TINY_CONFIGS[name]]


@pytest.mark.parametrize("family", AROUND)
def test_how_the_backbone_attends_is_asked_of_the_whole(family, tmp_path):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family, 3)
    model.save_pretrained(tmp_path)
    found = {}
    for kind in ("eager", "sdpa"):
        loaded = ROWS[family].model.from_pretrained(tmp_path, attn_implementation=kind).eval()
        assert loaded.encoder.config._attn_implementation == kind
        found[kind] = loaded(**inputs).latents
    torch.testing.assert_close(found["eager"], found["sdpa"])
    model.set_attn_implementation("eager")
    assert model.config.backbone_config._attn_implementation == "eager"
    with pytest.raises(ValueError, match="not supported"):
        model.set_attn_implementation("foo")


@pytest.mark.parametrize("family", AROUND)
@pytest.mark.parametrize("made", [tiny_model, tiny_classifier])
def test_the_layer_of_input_embeddings_is_the_backbones(family, made):
    model = made(family)
    layer = model.get_input_embeddings()
    assert layer is model.base_model.encoder.get_input_embeddings()
    model.set_input_embeddings(layer)
    assert model.get_input_embeddings() is layer


def test_a_network_of_convolutions_has_no_layer_of_embeddings():
    with pytest.raises(NotImplementedError):
        tiny_model("pretune_joint_embedding").get_input_embeddings()


@pytest.mark.parametrize("family", ["pretune_masked_image_model", "pretune_speech_best_rq", "pretune_autoencoder"])
def test_some_hidden_states_are_asked_for_by_number(family):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family, 3)
    whole = model(**inputs, output_hidden_states=True).hidden_states
    some = model(**inputs, output_hidden_states=[0, -1]).hidden_states
    assert len(some) == len(whole) and [k for k, value in enumerate(some) if value is not None] == [0, len(whole) - 1]
    torch.testing.assert_close(some[0], whole[0])


def test_a_network_that_does_not_attend_has_no_attentions():
    assert tiny_model("pretune_autoencoder")(torch.rand(2, 1, 8, 8), output_attentions=True).attentions is None


COMPILED = {
    "mask": lambda: AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[8], corruption=["mask"])),
    "gaussian": lambda: AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[8], corruption=["gaussian"])),
    "variational": lambda: AutoencoderModel(AutoencoderConfig(image_size=8, hidden_sizes=[8], variational=True)),
    "warp": lambda: ConvAutoencoderModel(
        ConvAutoencoderConfig(image_size=8, hidden_sizes=[8], strides=[2], depths=[0], corruption=["warp"])
    ),
    **{family: lambda family=family: tiny_model(family) for family in ROWS},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(COMPILED))
def test_compiled_training_and_evaluation_take_a_last_batch_of_another_size(kind):
    torch._dynamo.reset()
    model = COMPILED[kind]().train()
    family = model.config.model_type
    compiled = torch.compile(model, backend="eager")
    for count in (4, 3, 2):
        compiled(**tiny_inputs(family, count)).loss.backward()
    torch._dynamo.reset()
    whole = torch.compile(model.eval(), backend="eager", fullgraph=True)
    for count in (3, 2):
        inputs = tiny_inputs(family, count)
        with torch.no_grad():
            found, expected = whole(**inputs), model(**inputs)
        torch.testing.assert_close(found.latents, expected.latents)
        torch.testing.assert_close(found.loss, expected.loss)


@pytest.mark.parametrize("made", [tiny_model, tiny_classifier])
def test_activations_are_checkpointed_where_the_backbone_can(made):
    torch.manual_seed(0)
    model, inputs = made(BACKBONE, reconstruction_weight=0.5).train(), tiny_inputs(BACKBONE, 3)
    if made is tiny_classifier:
        inputs["labels"] = torch.tensor([0, 1, 2])
    gradients = []
    for enabled in (False, True):
        if enabled:
            model.gradient_checkpointing_enable()
        assert model.is_gradient_checkpointing == enabled
        model.zero_grad()
        torch.manual_seed(1)
        model(**inputs).loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, value in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], value)


def test_activations_of_a_network_that_cannot_are_refused():
    with warnings.catch_warnings(), pytest.raises(ValueError, match="does not support"):
        warnings.simplefilter("ignore")
        tiny_model("pretune_autoencoder").gradient_checkpointing_enable()


@of_images
def test_an_adapter_of_peft_is_loaded_by_the_class_and_by_auto(family, tmp_path):
    model, inputs = tiny_classifier(family).eval(), tiny_inputs(family, 2)
    model.save_pretrained(tmp_path / "base")
    adapted = get_peft_model(
        type(model).from_pretrained(tmp_path / "base"),
        LoraConfig(r=2, target_modules=["classifier"], init_lora_weights=False),
    ).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    for loader in (type(model), AutoModelForImageClassification):
        loaded = loader.from_pretrained(tmp_path / "adapter").eval()
        torch.testing.assert_close(loaded(**inputs).logits, adapted(**inputs).logits)
    assert not torch.allclose(adapted(**inputs).logits, model(**inputs).logits)


def test_an_adapter_without_its_base_and_a_folder_of_neither_are_refused(tmp_path):
    model = tiny_classifier("pretune_autoencoder")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": null}')
    with pytest.raises(OSError, match="holds no config.json"):
        type(model).from_pretrained(tmp_path)


@pytest.mark.parametrize("family", ["pretune_autoencoder", "pretune_conv_autoencoder"])
@pytest.mark.parametrize("before, after", [(0, 10), (10, 0)])
def test_the_warm_up_is_turned_on_and_off_from_a_checkpoint(family, before, after, tmp_path):
    more = {"bottleneck_size": 4} if "conv" in family else {}
    tiny_model(family, variational=True, kl_warmup_steps=before, **more).save_pretrained(tmp_path)
    loaded = ROWS[family].model.from_pretrained(tmp_path, kl_warmup_steps=after)
    assert int(getattr(loaded.bottleneck, "steps", 0)) == 0 and hasattr(loaded.bottleneck, "steps") == bool(after)


def test_a_model_built_without_memory_counts_its_warm_up_from_the_first_step():
    with torch.device("meta"):
        model = tiny_model("pretune_autoencoder", variational=True, kl_warmup_steps=10)
    model.to_empty(device="cpu")
    model.bottleneck.steps.fill_(77)
    model.init_weights()
    assert int(model.bottleneck.steps) == 0
