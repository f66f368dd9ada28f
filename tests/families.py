"""The families under contract: a new one adds a line. Tiny sizes, for tests alone."""

from pretune.auto import FAMILIES

# model_type -> arguments of a config that is built, trained and saved in a moment
TINY_CONFIGS = {
    "pretune_autoencoder": {"image_size": 8, "hidden_sizes": [16, 8], "latent_size": 4},
    "pretune_conv_autoencoder": {"image_size": 8, "hidden_sizes": [8, 8], "strides": [2, 1], "depths": [1, 0]},
}

# model_type -> changes to that config after which no checkpoint of it fits
OTHER_SIZES = {
    "pretune_autoencoder": {"latent_size": 5},
    "pretune_conv_autoencoder": {"hidden_sizes": [8, 16]},
}

ROWS = {row[0].model_type: row for row in FAMILIES}


def tiny_config(model_type: str, **changes):
    """A fresh tiny config of a family."""
    return ROWS[model_type][0](**{**TINY_CONFIGS[model_type], **changes})


def tiny_model(model_type: str, **changes):
    return ROWS[model_type][1](tiny_config(model_type, **changes))


def tiny_classifier(model_type: str, **changes):
    return ROWS[model_type][2](tiny_config(model_type, **{"num_labels": 3, **changes}))
