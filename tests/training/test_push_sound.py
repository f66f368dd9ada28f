"""Sound and the Hub: pushed from a run, classified by a pipeline in fresh processes, with pretune and without it."""

import json
import os
import subprocess
import sys

import pytest
from clips_of_all_kinds import save_digits
from hub.client import Client
from hub.server import HubServer

import pretune

pytestmark = pytest.mark.slow
TOKEN = "hf_sound_0123456789"
TINY = {"window_seconds": 0.4, "num_mel_bins": 20, "hidden_sizes": [8, 8], "strides": [2, 2], "depths": [0, 0]}
SIZES = {
    "joint_embedding": {**TINY, "projector_sizes": [16, 8]},
    "conv_autoencoder": {**TINY, "decoder_hidden_size": 16},
    "best_rq": {"window_seconds": 0.4, "num_mel_bins": 20, "hidden_size": 16, "num_attention_heads": 2},
}
QUICK = {"disable_tqdm": True, "max_steps": 4, "per_device_train_batch_size": 8}
# Reads {family: [clip, encoder, classifier, the card's own example or nothing]}; answers by family.
USE = """
import contextlib, io, json, sys
if sys.argv[1] == "with":
    import pretune.auto
else:
    sys.modules["pretune"] = None  # as where it is not installed
options = {} if sys.argv[1] == "with" else {"trust_remote_code": True}
import soundfile
from transformers import AutoFeatureExtractor, AutoModel, pipeline
answers = {}
for family, (path, encoder, classifier, example) in json.load(sys.stdin).items():
    clip, rate = soundfile.read(path)
    labels = pipeline("audio-classification", model=classifier, **options)(clip)
    extractor = AutoFeatureExtractor.from_pretrained(encoder, **options)
    model = AutoModel.from_pretrained(encoder, **options)
    embedding = model.encode(**extractor(clip, sampling_rate=rate, return_tensors="pt"))
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(example, {"__name__": "__main__"})
    answers[family] = [labels, embedding[0].tolist(), said.getvalue()]
print("ANSWER" + json.dumps(answers))
"""


def test_clips_are_classified_from_the_hub_with_and_without_pretune(tmp_path):
    data, asked = save_digits(tmp_path / "clips", 6), {}
    with HubServer(tokens={TOKEN: ("me", "write")}, orgs=[]) as hub:
        client = Client({**os.environ, **hub.env(tmp_path / "home", TOKEN)})
        for family, config in SIZES.items():
            base, head = tmp_path / f"{family}-base", tmp_path / f"{family}-head"
            pretune.pretrain(model_type=family, dataset=data, output_dir=base, config=config, **QUICK)
            pretune.finetune(model=base, dataset=data, output_dir=head, **QUICK)
            for folder in (base, head):
                status, said = client("push", folder, "--hub_model_id", f"me/{folder.name}")
                assert status == 0, said
            card, clip = hub.files(f"me/{head.name}")["README.md"].decode(), f"{data}/beat/0.wav"
            assert "pipeline_tag: audio-classification" in card.split("---")[1]
            example = card.split("```python\n")[1].split("```")[0].replace("clip.wav", clip)
            asked[family] = [clip, f"me/{base.name}", f"me/{head.name}", example]
        client.close()
        env, found = {**os.environ, **hub.env(tmp_path / "elsewhere", TOKEN)}, []
        for how in ("with", "without"):
            words = {family: [*row[:3], row[3] if how == "with" else ""] for family, row in asked.items()}
            done = subprocess.run(
                [sys.executable, "-c", USE, how], input=json.dumps(words), text=True, capture_output=True, env=env
            )
            assert done.returncode == 0, done.stderr[-3000:]
            found.append(json.loads(done.stdout.rpartition("ANSWER")[2]))
    for family in SIZES:
        (labels, embedding, said), (labels_without, embedding_without, _) = (answers[family] for answers in found)
        assert labels == labels_without and embedding == embedding_without
        assert {part["label"] for part in labels} == {"beat", "tone"} and "'label'" in said
