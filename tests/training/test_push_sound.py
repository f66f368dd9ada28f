"""Sound and the Hub: pushed from a run, classified by a pipeline in fresh processes, with pretune and without it."""

import json
import os

import pytest
from clips_of_all_kinds import save_digits
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
WITHOUT = "import sys\nsys.modules['pretune'] = None\n"
CLASSIFY = """
import json, soundfile
from transformers import AutoFeatureExtractor, AutoModel, pipeline
clip, rate = soundfile.read({clip!r})
classify = pipeline("audio-classification", model={head!r}, trust_remote_code={trust})
extractor = AutoFeatureExtractor.from_pretrained({base!r}, trust_remote_code={trust})
model = AutoModel.from_pretrained({base!r}, trust_remote_code={trust})
embedding = model.encode(**extractor(clip, sampling_rate=rate, return_tensors="pt"))
print("ANSWER" + json.dumps([classify(clip), embedding[0].tolist()]))
"""


@pytest.mark.parametrize("family", list(SIZES))
def test_a_clip_is_classified_from_the_hub_with_and_without_pretune(family, tmp_path, launch):
    data = save_digits(tmp_path / "clips", 6)
    pretune.pretrain(model_type=family, dataset=data, output_dir=tmp_path / "base", config=SIZES[family], **QUICK)
    pretune.finetune(model=tmp_path / "base", dataset=data, output_dir=tmp_path / "head", **QUICK)
    with HubServer(tokens={TOKEN: ("me", "write")}, orgs=[]) as hub:
        env = {**os.environ, **hub.env(tmp_path / "home", TOKEN)}
        for name in ("base", "head"):
            launch("-m", "pretune", "push", tmp_path / name, "--hub_model_id", f"me/{name}", env=env)
        front = hub.files("me/head")["README.md"].decode().split("---")[1]
        assert "pipeline_tag: audio-classification" in front
        own = {"clip": f"{data}/beat/0.wav", "head": "me/head", "base": "me/base"}
        fresh = {**os.environ, **hub.env(tmp_path / "elsewhere", TOKEN)}
        said = [
            launch("-c", start + CLASSIFY.format(**own, trust=trust), env=fresh).stdout
            for start, trust in (("import pretune.auto\n", False), (WITHOUT, True))
        ]
        card = hub.files("me/head")["README.md"].decode()
        example = card.split("```python\n")[1].split("```")[0].replace("clip.wav", own["clip"])
        assert "'label'" in launch("-c", example, env=fresh).stdout
    answers = [json.loads(one.rpartition("ANSWER")[2]) for one in said]
    assert answers[0] == answers[1]
    assert {part["label"] for part in answers[0][0]} == {"beat", "tone"}
