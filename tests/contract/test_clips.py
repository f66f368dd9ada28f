"""One reading of sound: a saved feature extractor alone gives the frames that training saw."""

import numpy as np
import pytest
import soundfile
import torch
from clips_of_all_kinds import KINDS, WHOLE, tone, write
from families import ROWS, TINY_CONFIGS
from transformers import AutoFeatureExtractor

import pretune
from pretune.training.data.batches import Columns

RUN = {"max_steps": 1, "disable_tqdm": True, "eval_split": "none", "per_device_train_batch_size": 2}
OF_SPEECH = [name for name, family in ROWS.items() if family.modality == "speech"]


@pytest.mark.parametrize("family", OF_SPEECH)
def test_the_extractor_of_a_run_gives_what_the_run_trained_on(family, tmp_path, monkeypatch):
    trained_on, real = [], Columns.of.__func__

    def of(cls, samples, device, with_labels=False):
        columns = real(cls, samples, device, with_labels)
        trained_on.append(columns.to_model(columns.values.clone())["input_features"])
        return columns

    monkeypatch.setattr(Columns, "of", classmethod(of))
    config = {**TINY_CONFIGS[family], "sampling_rate": 8000}
    files = [
        write(tmp_path / "d" / f"{k}.{KINDS[kind][0]}", tone(k, 0.05 + 0.02 * k), kind=kind)
        for k, kind in enumerate(("wav 16 bit", "flac", "wav float", "wav 24 bit"))
    ]
    pretune.pretrain(dataset=tmp_path / "d", output_dir=tmp_path / "run", model_type=family, config=config, **RUN)
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path / "run")
    assert set(WHOLE) >= {"wav 16 bit", "flac", "wav float", "wav 24 bit"}
    clips = [soundfile.read(path)[0] for path in files]
    found = extractor(clips, sampling_rate=8000, return_tensors="pt")["input_features"]
    assert sorted(row.numpy().tobytes() for row in found) == sorted(row.numpy().tobytes() for row in trained_on[0])


@pytest.mark.parametrize("family", OF_SPEECH)
def test_a_pipeline_answers_alone_as_in_a_batch_of_any_lengths(family, tmp_path):
    from transformers import pipeline

    torch.manual_seed(0)
    config = ROWS[family].config(**TINY_CONFIGS[family], num_labels=3)
    model = ROWS[family].classifier(config).eval()
    model.save_pretrained(tmp_path)
    ROWS[family].processor.for_config(config).save_pretrained(tmp_path)
    classify = pipeline("audio-classification", model=str(tmp_path))
    rate = config.sampling_rate
    clips = [tone(k, seconds, rate).astype(np.float32) for k, seconds in enumerate((0.1, 0.16, 0.5, 0.02))]
    alone = [classify(clip, top_k=3) for clip in clips]
    together = classify(clips, batch_size=4, top_k=3)
    for one, other in zip(alone, together, strict=True):
        assert [part["label"] for part in one] == [part["label"] for part in other]
        assert np.allclose([part["score"] for part in one], [part["score"] for part in other], atol=1e-5)
