"""Networks of transformers for sound: fine-tuned, evaluated and embedded by folder, with their own extractors."""

import numpy as np
import pytest
import soundfile
import torch
from clips_of_all_kinds import save_digits
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTModel,
    AutoModelForAudioClassification,
    HubertConfig,
    HubertModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
    pipeline,
)

import pretune

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
WAVES = {
    **SMALL, "conv_dim": [8, 8], "conv_kernel": [10, 8], "conv_stride": [10, 8], "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "mask_time_length": 2, "classifier_proj_size": 6,
}  # fmt: skip
TOWER = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_layers": 1}


def waves(model):
    return lambda: (model, Wav2Vec2FeatureExtractor(sampling_rate=4000))


NETWORKS = {
    "wav2vec2": waves(lambda: Wav2Vec2Model(Wav2Vec2Config(**WAVES))),
    "wav2vec2 classifier": waves(lambda: Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**WAVES, num_labels=5))),
    "hubert": waves(lambda: HubertModel(HubertConfig(**WAVES))),
    "wavlm": waves(lambda: WavLMModel(WavLMConfig(**WAVES))),
    "ast": lambda: (
        lambda: ASTModel(ASTConfig(**SMALL, max_length=64, num_mel_bins=16, patch_size=8, frequency_stride=8)),
        ASTFeatureExtractor(max_length=64, num_mel_bins=16),
    ),
    "whisper": lambda: (
        lambda: WhisperModel(
            WhisperConfig(
                **TOWER, decoder_attention_heads=2, decoder_ffn_dim=16, max_source_positions=50, vocab_size=20,
                pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, num_mel_bins=16,
            )
        ),
        WhisperFeatureExtractor(feature_size=16, chunk_length=1),
    ),
}  # fmt: skip
QUICK = {"disable_tqdm": True, "max_steps": 2, "per_device_train_batch_size": 4}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return save_digits(tmp_path_factory.mktemp("sound"), 5)


def saved(name, folder):
    make, extractor = NETWORKS[name]()
    torch.manual_seed(0)
    model = make().eval()
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return model, extractor


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_network_of_transformers_goes_through_the_verbs(name, clips, tmp_path):
    saved(name, tmp_path / "model")
    kinds = ["warp", "noise", "masks"]
    head = pretune.finetune(
        model=tmp_path / "model", dataset=clips, output_dir=tmp_path / "head", augmentation=kinds, **QUICK
    )
    assert head.record["model"]["labels"] == ["beat", "tone"] and np.isfinite(head.metrics["eval_loss"])
    rate = NETWORKS[name]()[1].sampling_rate
    clip = np.asarray(soundfile.read(f"{clips}/beat/0.wav")[0], np.float32)
    answer = pipeline("audio-classification", model=str(tmp_path / "head"))(clip[: rate // 2])
    assert {part["label"] for part in answer} == {"beat", "tone"}
    report = pretune.evaluate(
        model=str(tmp_path / "model"), dataset=clips, labels_per_class=["2"], draws=2, disable_tqdm=True,
        output_dir=tmp_path / "report", methods=["knn", "linear", "stats_linear"],
    ).report  # fmt: skip
    assert len(report["models"][str(tmp_path / "model")]["table"]) == 3


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "ast"])
def test_the_embedding_is_what_the_network_itself_pools(name, clips, tmp_path):
    """A checkpoint without a classifier gets no random layer before it."""
    model, extractor = saved(name, tmp_path / "model")
    table = pretune.embed(tmp_path / "model", dataset=clips, output_file=tmp_path / "e.npz", disable_tqdm=True)
    found = np.load(table.output_file)
    assert table.latent_size == 16
    from pretune.training.command.arguments.data import DataArguments
    from pretune.training.data.loading import load_split
    from pretune.training.modalities.speech import SPEECH
    from pretune.training.networks.encoders import Encoder

    encoder = Encoder(str(tmp_path / "model"), None, 2, torch.device("cpu"), 4)
    data = load_split(DataArguments(dataset=clips), "train", SPEECH, encoder.preprocessing)
    windows = [clip.astype(np.float32) / 32768 for clip in np.asarray(data.values)]
    inputs = extractor(windows, sampling_rate=extractor.sampling_rate, return_tensors="pt")
    with torch.no_grad():
        output = model(inputs["input_values"])
    own = output.pooler_output if name == "ast" else output.last_hidden_state.mean(1)
    np.testing.assert_allclose(found["latents"], own.numpy(), rtol=1e-3, atol=1e-4)


def test_a_projector_that_was_trained_stays(tmp_path, clips):
    model, _ = saved("wav2vec2 classifier", tmp_path / "model")
    pretune.finetune(
        model=tmp_path / "model", dataset=clips, output_dir=tmp_path / "head", freeze_encoder=True, **QUICK
    )
    kept = AutoModelForAudioClassification.from_pretrained(tmp_path / "head")
    assert kept.config.classifier_proj_size == 6 and torch.equal(kept.projector.weight, model.projector.weight)


def test_without_an_extractor_the_error_says_so(tmp_path, clips):
    saved("hubert", tmp_path / "model")
    (tmp_path / "model" / "preprocessor_config.json").unlink()
    with pytest.raises(pretune.InputError, match="has no feature extractor that can be loaded.*Save one beside it"):
        pretune.embed(tmp_path / "model", dataset=clips, output_file=tmp_path / "e.npz", disable_tqdm=True)
