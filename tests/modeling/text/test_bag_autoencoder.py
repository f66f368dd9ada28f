"""The bag-of-words autoencoder: order plays no part, rare and common tokens are left out, the loss is what it says."""

import pytest
import torch
from families import tiny_model

from pretune.modeling.text.bag_autoencoder import rarity

FAMILY = "pretune_bag_autoencoder"


def test_the_order_of_tokens_plays_no_part():
    model = tiny_model(FAMILY).eval()
    ids = torch.randint(5, 300, (3, 10))
    torch.testing.assert_close(model.encode(ids), model.encode(ids.flip(1)))
    assert model.encode(ids).norm(dim=1).tolist() == pytest.approx([8**0.5] * 3, rel=1e-5)


def test_rarity_leaves_out_what_is_rare_or_common():
    texts = torch.tensor([0.0, 1.0, 2.0, 5.0, 10.0, 50.0, 100.0])
    found = rarity(texts, 100, fewest=2, share=0.1)
    assert (found > 0).tolist() == [False, False, True, True, True, False, False]
    assert found[2] > found[3] > found[4]
    assert (rarity(torch.tensor([0.0, 1.0]), 1, 2, 0.1) > 0).tolist() == [False, True]  # of one text all words count
    assert (rarity(torch.zeros(3), 5, 2, 0.1) > 0).all()


def test_the_loss_is_the_cross_entropy_of_the_tokens_that_count():
    model = tiny_model(FAMILY).eval()
    ids = torch.tensor([[7, 7, 9, 0], [8, 0, 0, 0]])
    model.encoder.idf[9] = 0
    with torch.no_grad():
        counts = torch.zeros(2, 300)
        counts[0, 7], counts[1, 8] = 2, 1
        chances = model.decoder(model.encoder(counts)).log_softmax(1)
        expected = -(2 * chances[0, 7] + chances[1, 8]) / 3
        torch.testing.assert_close(model(ids, (ids > 0).long()).loss, expected)


def test_start_from_learns_how_rare_each_token_is():
    model = tiny_model(FAMILY, max_document_share=0.5)
    ids = torch.tensor([[5, 6, 7], [5, 6, 8], [5, 9, 9], [5, 9, 10]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    model.start_from(lambda count: inputs, torch.Generator())
    kept = model.encoder.idf.nonzero().flatten().tolist()
    assert kept == [6, 9]  # 5 is in all of them, 7, 8 and 10 in one


def test_a_warning_where_most_texts_have_nothing_that_counts():
    model = tiny_model(FAMILY).eval()
    model.encoder.idf.zero_()
    model.encoder.idf[5] = 1
    assert model.warnings(model(torch.tensor([[6], [7], [5]])))[0].startswith("67% of the texts")
    assert not model.warnings(model(torch.tensor([[5], [5], [7]])))
