"""A second kind of input, for tests alone: rows of ten numbers, read, pretrained, fine-tuned, evaluated, published.

Besides these files it takes two lines, in `register`: one in the list of families, one in the list of modalities.
"""


def register() -> None:
    """What a kind of input of the package has as a line in each of two files."""
    from pretune.modeling.families import FAMILIES, Family, register_families
    from pretune.training.modalities.listing import MODALITIES

    from .modality import ROWS

    here = __name__
    FAMILIES["linear_rows"] = Family(
        "principal components of rows of numbers",
        "row",
        f"{here}.model.LinearRowsConfig",
        f"{here}.model.LinearRowsModel",
        f"{here}.model.LinearRowsForSequenceClassification",
        f"{here}.processor.RowsProcessor",
        auto_classes=("AutoModelForSequenceClassification", "AutoFeatureExtractor"),
    )
    MODALITIES["row"] = ROWS
    register_families()
