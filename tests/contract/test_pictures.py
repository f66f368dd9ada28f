"""One decoder: a saved image processor alone gives the pixels that training saw, from path, picture and array."""

import numpy as np
import PIL.Image
import pytest
import torch
from families import OF_IMAGES, ROWS, TINY_CONFIGS
from pictures_of_all_kinds import KINDS, save
from transformers import (
    AutoImageProcessor,
    CLIPConfig,
    CLIPForImageClassification,
    ConvNextConfig,
    ConvNextForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.image_utils import load_image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import pretune
from pretune.modeling.processors.opening import open_picture
from pretune.training.command.arguments.data import DataArguments
from pretune.training.data.batches import Columns
from pretune.training.data.loading import load_data
from pretune.training.modalities.image import IMAGE
from pretune.training.modalities.images.preprocessing import ImagePreprocessing

WIDE = ("I;16", "I", "F")
RUN = {"max_steps": 1, "disable_tqdm": True, "eval_split": "none", "per_device_train_batch_size": 2}
TOWER = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


@pytest.fixture
def trained_on(monkeypatch):
    """What the runs of a test trained on: the tensors that their models were given."""
    found, real = [], Columns.of.__func__

    def of(cls, samples, device, with_labels=False):
        columns = real(cls, samples, device, with_labels)
        found.append(columns.to_model(columns.values.clone())["pixel_values"])
        return columns

    monkeypatch.setattr(Columns, "of", classmethod(of))
    return found


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_a_saved_processor_reads_every_kind_as_training_does(kind, resize, channels, tmp_path):
    files = save(kind, tmp_path / "data")
    args = DataArguments(dataset=str(tmp_path / "data"), eval_split="none", resize=resize)
    data, _ = load_data(args, IMAGE, {"image_size": 8, "num_channels": channels})
    assert data.values.dtype == (np.uint16 if kind.split()[0] in WIDE else np.uint8)
    config = ROWS["pretune_autoencoder"].config(image_size=8, num_channels=channels)
    ImagePreprocessing(None, None, config, data.settings).processor.save_pretrained(tmp_path / "run")
    processor = AutoImageProcessor.from_pretrained(tmp_path / "run")
    pixels = IMAGE.to_model(torch.from_numpy(np.array(data.values)))["pixel_values"]
    for path, expected in zip(files, pixels, strict=True):
        picture = PIL.Image.open(path)
        for given in (str(path), path, picture, open_picture(path)):
            found = processor(given, return_tensors="pt")["pixel_values"][0]
            assert torch.equal(found, expected), (kind, type(given))
        if picture.mode in ("L", "RGB", *WIDE) and not kind.startswith("turned"):
            for array in (np.asarray(picture), torch.from_numpy(np.array(picture))):
                assert torch.equal(processor(array, return_tensors="pt")["pixel_values"][0], expected)


@pytest.mark.parametrize("family", OF_IMAGES)
def test_the_processor_of_a_run_gives_what_the_run_trained_on(family, tmp_path, trained_on):
    files = [
        path for kind in ("RGB png", "turned jpg", "LA png", "P png") for path in save(kind, tmp_path / "d" / kind)
    ]
    config = {**TINY_CONFIGS[family], "num_channels": 3}
    pretune.pretrain(
        dataset=tmp_path / "d", output_dir=tmp_path / "run", model_type=family, config=config, resize="pad", **RUN
    )
    processor = AutoImageProcessor.from_pretrained(tmp_path / "run")
    found = processor([str(path) for path in files], return_tensors="pt")["pixel_values"]
    assert sorted(map(bytes_of, found)) == sorted(map(bytes_of, trained_on[0]))
    through = processor([load_image(str(path)) for path in files], return_tensors="pt")["pixel_values"]
    assert torch.equal(through, found)  # as pipelines hand them over


def bytes_of(row: torch.Tensor) -> bytes:
    return row.numpy().tobytes()


def test_sixteen_bits_through_pretraining_and_fine_tuning(tmp_path, trained_on):
    for label in ("a", "b"):
        save("I;16 png", tmp_path / "d" / label, 4)
    tiny = {"model_type": "autoencoder", "config": {"image_size": 8, "hidden_sizes": [8], "latent_size": 2}}
    pretune.pretrain(dataset=tmp_path / "d", output_dir=tmp_path / "run", **tiny, **RUN)
    pretune.finetune(dataset=tmp_path / "d", model=tmp_path / "run", output_dir=tmp_path / "head", **RUN)
    processor = AutoImageProcessor.from_pretrained(tmp_path / "head")
    assert processor.value_range == [0, 4095] and processor.stored_bits == 16
    path = next((tmp_path / "d" / "a").iterdir())
    found = processor(path, return_tensors="pt")["pixel_values"][0]
    assert all(any(torch.equal(found, row) for row in pixels) for pixels in trained_on)
    with pytest.raises(ValueError, match="8-bit colour came, and the model was trained on values from 0 to 4095"):
        processor(load_image(str(path)))


def clip():
    config = CLIPConfig(vision_config={**TOWER, "image_size": 16, "patch_size": 8}, text_config=TOWER)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 18}, crop_size={"height": 16, "width": 16})
    return CLIPForImageClassification(config), processor


FOREIGN = {
    "vit": lambda: (
        ViTForImageClassification(ViTConfig(**TOWER, image_size=16, patch_size=8)),
        ViTImageProcessorPil(size={"height": 16, "width": 16}),
    ),
    "convnext": lambda: (
        ConvNextForImageClassification(ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2)),
        ConvNextImageProcessorPil(size={"shortest_edge": 16}, crop_pct=0.8),
    ),
    "clip": clip,
}


@pytest.mark.parametrize("kind", ["mixed", "one size", "I;16 png"])
@pytest.mark.parametrize("name", list(FOREIGN))
def test_networks_of_transformers_train_on_what_their_own_processor_makes(name, kind, tmp_path, trained_on):
    model, processor = FOREIGN[name]()
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    kinds = {
        "mixed": ["RGB png", "LA png", "turned jpg", "CMYK jpg", "1 png", "RGBA png"],
        "one size": ["RGB png", "CMYK jpg"],
    }
    count, files = 1 if kind == "one size" else 3, []
    for label in ("cat", "dog"):
        for part in kinds.get(kind, [kind]):
            files += save(part, tmp_path / "d" / label, count)
    pretune.finetune(dataset=tmp_path / "d", model=tmp_path / "model", output_dir=tmp_path / "run", **RUN)
    saved = AutoImageProcessor.from_pretrained(tmp_path / "run", backend="pil")
    pictures = [load_image(str(path)) for path in files]
    if kind.startswith("I;16"):  # of more than 8 bits: by their range, where PIL would cut them off at 255
        shares = [np.rint(np.asarray(PIL.Image.open(path)) / 4095 * 255).astype(np.uint8) for path in files]
        pictures = [PIL.Image.fromarray(share).convert("RGB") for share in shares]
    expected = saved(pictures, return_tensors="pt")["pixel_values"]
    fit = ImagePreprocessing(str(tmp_path / "run"), None, model.config, {})
    found = fit.on_device({"pixel_values": trained_on[0]})["pixel_values"]
    tolerance = 3 / 255 if kind.startswith("I;16") else 1e-5  # rounded twice: to 16 bits, then to 8
    gaps = (found[:, None] - expected[None]).abs().flatten(2).amax(2)
    assert gaps.amin(1).max() <= tolerance and gaps.amin(0).max() <= tolerance
