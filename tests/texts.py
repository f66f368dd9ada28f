"""Little corpora for tests: two topics, of words that occur together."""

import numpy as np

TOPICS = {
    "sea": "ship wave harbour sail captain storm anchor island tide fish".split(),
    "kitchen": "oven bread butter knife soup pepper plate cook sugar flour".split(),
}
COMMON = "the a of in on with".split()


def little_corpus(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """`count` texts of eight words, and the topic of each."""
    rng = np.random.default_rng(seed)
    names = [list(TOPICS)[k % len(TOPICS)] for k in range(count)]
    texts = [" ".join([*rng.choice(TOPICS[name], 5), *rng.choice(COMMON, 3)]) for name in names]
    return texts, names
