"""Encoders of transformers as encoders of texts: what is deleted or hidden, what the decoder sees, saved alone."""

import pytest
import torch
from families import TINY_BERT, tiny_inputs, tiny_model
from transformers import AutoModel, BertConfig, T5Config

from pretune.configuration.text.text_autoencoder import TextAutoencoderConfig


def test_deleting_keeps_the_order_and_the_first_token():
    model = tiny_model("pretune_text_autoencoder", delete_ratio=0.5)
    inputs = tiny_inputs("pretune_text_autoencoder")
    for _ in range(5):
        left, mask = model.delete(inputs["input_ids"], inputs["attention_mask"], None)
        assert mask.sum() < inputs["attention_mask"].sum()
        for row, kept, text in zip(left, mask, inputs["input_ids"], strict=True):
            tokens = row[kept > 0].tolist()
            assert tokens[0] == text[0] and (row[kept == 0] == 0).all()
            rest = iter(text.tolist())
            assert all(token in rest for token in tokens)  # in their order


def test_the_decoder_sees_nothing_of_the_text_but_its_vector_and_the_tokens_before():
    model = tiny_model("pretune_text_autoencoder").eval()
    ids, latents, words = torch.randint(5, 300, (1, 8)), torch.randn(1, 8), model.word_vectors()
    changed = ids.clone()
    changed[0, 5] = 6 if ids[0, 5] != 6 else 7
    before, after = (model.decoder(latents, one, words)[0] for one in (ids, changed))
    torch.testing.assert_close(before[:5], after[:5])
    assert not torch.allclose(before[5], after[5]) and not torch.allclose(
        model.decoder(latents + 1, ids, words)[0], before
    )


def test_hidden_tokens_are_neither_first_nor_last_nor_padding():
    model = tiny_model("pretune_masked_language_model", mask_ratio=0.9)
    inputs = tiny_inputs("pretune_masked_language_model")
    seen, wanted = model.hide(inputs["input_ids"], inputs["attention_mask"], None)
    last = inputs["attention_mask"].sum(1) - 1
    assert wanted.any() and not wanted[:, 0].any() and not wanted[torch.arange(4), last].any()
    assert not wanted[inputs["attention_mask"] == 0].any()
    assert torch.equal(seen[~wanted], inputs["input_ids"][~wanted]) and (seen[wanted] == 4).any()


@pytest.mark.parametrize("family", ["pretune_text_autoencoder", "pretune_masked_language_model"])
def test_the_encoder_alone_is_a_checkpoint_of_transformers(family, tmp_path):
    model, inputs = tiny_model(family).eval(), tiny_inputs(family)
    model.save_beside(tmp_path)
    plain = AutoModel.from_pretrained(tmp_path / "backbone").eval()
    with torch.no_grad():
        expected = plain(**inputs).last_hidden_state[0].mean(0)
        torch.testing.assert_close(model.encode(**inputs)[0], expected, atol=1e-5, rtol=1e-5)
    other = tiny_model(family).eval()
    other.load_backbone(tmp_path / "backbone")
    torch.testing.assert_close(other.encode(**inputs), model.encode(**inputs))
    assert (tmp_path / "modules.json").is_file() and (tmp_path / "sentence_bert_config.json").is_file()


def test_the_rest_learns_at_its_own_rate():
    model = tiny_model("pretune_text_autoencoder", decoder_rate=30.0)
    mine, rest = model.parameter_groups(1e-4)
    assert rest["lr"] == pytest.approx(3e-3) and "lr" not in mine
    assert len(mine["params"]) + len(rest["params"]) == len(list(model.parameters()))


def test_sizes_follow_the_backbone():
    config = TextAutoencoderConfig(
        backbone_config=BertConfig(vocab_size=77, max_position_embeddings=20), max_length=64
    )
    assert (config.vocab_size, config.max_length, config.latent_size) == (77, 20, 768)
    roberta = {**TINY_BERT, "model_type": "roberta"}
    config = TextAutoencoderConfig(vocab_size=50, max_length=10, pad_token_id=1, backbone_config=roberta)
    assert config.backbone_config.max_position_embeddings == 12 and config.max_length == 10
    for wrong in ({"model_type": "vit_msn_9"}, T5Config()):
        with pytest.raises(Exception, match="reads tokens and gives a vector for each"):
            TextAutoencoderConfig(backbone_config=wrong)
    with pytest.raises(Exception, match="no mask token"):
        tiny_model("pretune_masked_language_model", mask_token_id=None)


@pytest.mark.parametrize("kind", ["pretune_masked_language_model", "pretune_text_autoencoder"])
@pytest.mark.parametrize("more", [7, -7])
def test_a_tokenizer_that_got_other_tokens(kind, more, tmp_path):
    model = tiny_model(kind)
    model.decoder.word_bias.data.normal_()
    tokens, before = model.config.vocab_size + more, model.decoder.word_bias.detach().clone()
    model.resize_token_embeddings(tokens)
    kept = min(tokens, len(before))
    assert torch.equal(model.decoder.word_bias[:kept], before[:kept]) and not model.decoder.word_bias[kept:].any()
    inputs = tiny_inputs(kind)
    inputs["input_ids"] = inputs["input_ids"].clamp(max=tokens - 1)
    model.train()(**inputs).loss.backward()
    model.eval().save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert torch.equal(loaded.encode(**inputs), model.encode(**inputs))
    assert loaded.config.vocab_size == loaded.config.backbone_config.vocab_size == tokens
