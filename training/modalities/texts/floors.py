"""Texts as vectors without a network: how rare its words are, and latent semantic analysis of that."""

from typing import Any

import numpy as np

COLUMNS = 10_000  # words that are kept as columns of their own, the most frequent ones
WIDTHS = (8, 50, 256)  # of latent semantic analysis: small ones win with few labels, large ones with many
LIST = "english"  # what scikit-learn leaves out as saying nothing; in other languages it leaves all


class WordRarity:
    """tf-idf: 1 + log of how often a word is in the text, times how rare it is among the training texts, length 1."""

    def __init__(self):
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.vectorizer = TfidfVectorizer(
            sublinear_tf=True, min_df=2, stop_words=LIST, max_features=COLUMNS, dtype=np.float32
        )

    @property
    def cost(self) -> int:
        """A number for each word."""
        return len(getattr(self.vectorizer, "vocabulary_", ()))

    def fit(self, unlabelled: np.ndarray) -> None:
        """Count the words of (N,) training texts; of texts without a word that occurs twice, every mark counts."""
        try:
            self.vectorizer.fit(unlabelled.tolist())
        except ValueError:  # nothing is left of them
            self.vectorizer.set_params(min_df=1, stop_words=None, analyzer="char")
            self.vectorizer.fit([text or " " for text in unlabelled.tolist()])

    def sparse(self, values: np.ndarray) -> Any:
        """(N,) texts -> (N, W), a sparse matrix of scipy."""
        return self.vectorizer.transform(values.tolist())

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N,) texts -> (N, W) float32."""
        return self.sparse(values).toarray()


class LatentSemantics:
    """Latent semantic analysis (Deerwester et al. 1990): the largest singular vectors of `WordRarity`.

    Args:
        width: how many, or as many as there can be.
    """

    def __init__(self, width: int):
        self.words, self.width, self.svd = WordRarity(), width, None

    @property
    def cost(self) -> int:
        """The singular vectors."""
        return self.words.cost + (0 if self.svd is None else self.svd.components_.size)

    def fit(self, unlabelled: np.ndarray) -> None:
        """Learn from (N,) training texts."""
        from sklearn.decomposition import TruncatedSVD

        self.words.fit(unlabelled)
        matrix = self.words.sparse(unlabelled)
        self.svd = TruncatedSVD(max(1, min(self.width, *(side - 1 for side in matrix.shape))), random_state=0)
        self.svd.fit(matrix)

    def embed(self, values: np.ndarray) -> np.ndarray:
        """(N,) texts -> (N, width) float32, of length 1, which is better than as they are where labels are few."""
        found = self.svd.transform(self.words.sparse(values)).astype(np.float32)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
