"""Write the embedding of every sample of a dataset to a table, in bounded memory.

    pretune embed runs/ae --dataset me/images --output_file embeddings.parquet
    pretune embed microsoft/resnet-18 --dataset me/images --split test --output_file embeddings.npz

A table has the row number in its split (`id`), the embedding (`latents`, float32) and, where there are labels, `label`
(class number, zeros and ones, or real numbers) and, for class numbers, `label_name`. Classes have one number in all
splits. Rows without a label have null; in a .npz -1 or NaN, and an empty name. Where samples are files, their names
below the dataset's folder stand in `file`. `--neighbours PNG` draws some samples with their five nearest.
"""

import logging
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from pretune.training.command.arguments.embed import EmbedArguments
from pretune.training.command.paths import require_folders, require_outside, written_to
from pretune.training.command.running import redrawn_every, run_command
from pretune.training.data.batches import spread
from pretune.training.data.captions import as_drawn, captions
from pretune.training.data.labels import SINGLE
from pretune.training.data.loading import load_split
from pretune.training.data.samples import Samples
from pretune.training.errors import InputError
from pretune.training.modalities.cache import begun
from pretune.training.networks.encoders import Encoder

logger = logging.getLogger("pretune.training.embed")
SHOWN, NEAREST = 8, 5  # samples that --neighbours draws, and neighbours of each
NEIGHBOURS_AMONG = 50_000  # samples that neighbours are looked for among


@dataclass
class EmbedResult:
    """What `embed` returns.

    Args:
        output_file: the table.
        num_samples, latent_size: its rows and the width of an embedding.
    """

    output_file: Path
    num_samples: int
    latent_size: int


def embed(model: str, **arguments: Any) -> EmbedResult:
    """Write the embeddings of a dataset, as `pretune embed MODEL --name value` does.

    Args:
        model: run folder, folder of a transformers model, or Hub id.
        arguments: the command line's, under the same names.

    Raises:
        InputError: something given does not fit; the message names the repair.
    """
    return run(EmbedArguments(model=str(model), **arguments))


def run(args: EmbedArguments) -> EmbedResult:
    """`embed` with arguments that are read already."""
    with written_to(args.output_file, "output_file"):
        return _embed(args)


def _embed(args: EmbedArguments) -> EmbedResult:
    path = Path(args.output_file)
    require_folders(path.parent, "output_file")
    if path.is_dir():
        raise InputError(f"output_file {path} is a folder, expected a file. Choose another --output_file.")
    if path.exists() and not args.overwrite:
        raise InputError(f"output_file {path} exists. Choose another, or pass --overwrite.")
    drawn = None if args.neighbours is None else Path(args.neighbours)
    if drawn is not None:
        require_folders(drawn.parent, "neighbours")
        require_outside(drawn, str(args.dataset), "neighbours")
        if drawn.exists() and (drawn.is_dir() or not args.overwrite):
            raise InputError(f"neighbours {drawn} exists. Choose another, or pass --overwrite.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder = Encoder(args.model, args.revision, 2, device, args.per_device_eval_batch_size)
    data = load_split(args, args.split or args.train_split, encoder.modality, encoder.preprocessing)
    encoder.check(data)
    part = begun(path)
    try:
        with tqdm(
            total=len(data),
            desc="embed",
            unit=f" {encoder.modality.words.many}",
            mininterval=redrawn_every(),
            disable=args.disable_tqdm,
        ) as bar:
            kept: list[np.ndarray] | None = None if drawn is None else []
            parts = _embeddings(encoder, data, bar, kept)
            width = (_write_parquet if path.suffix == ".parquet" else _write_npz)(part, parts, data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    if drawn is not None:
        drawn.parent.mkdir(parents=True, exist_ok=True)
        _draw_neighbours(drawn, data, np.concatenate(kept))
        logger.info("nearest neighbours of some %s in %s", data.modality.words.many, drawn)
    logger.info("%d embeddings of %d numbers in %s", len(data), width, path)
    return EmbedResult(path, len(data), width)


def _embeddings(encoder: Encoder, data: Samples, bar: tqdm, kept: list[np.ndarray] | None) -> Iterator[np.ndarray]:
    """A part (N, D) after the other; of the first NEIGHBOURS_AMONG samples they are `kept` as well, if asked for."""
    for embedding in encoder.iter_features(encoder.classifier(True, 0), encoder.rows(data)):
        if kept is not None and sum(map(len, kept)) < NEIGHBOURS_AMONG:
            kept.append(embedding)
        yield embedding
        bar.update(len(embedding))


def _draw_neighbours(path: Path, data: Samples, embeddings: np.ndarray) -> None:
    """Samples spread over the split, each followed by its nearest in the embedding (M, D), with labels or files."""
    asked, nearest = neighbours_of(embeddings, SHOWN, NEAREST)
    rows = np.column_stack([asked, nearest]).ravel()
    data.modality.show_samples(path, as_drawn(data, rows), captions(data, rows), nearest.shape[1] + 1)


def neighbours_of(embeddings: np.ndarray, count: int, nearest: int) -> tuple[np.ndarray, np.ndarray]:
    """Which samples are nearest to some, by the angle of their embeddings from the mean of all.

    Args:
        embeddings: (N, D).
        count: samples that are asked for, spread evenly.
        nearest: neighbours of each; fewer where there are not so many.

    Returns:
        (rows asked for (Q,), their neighbours (Q, K), the nearest first, never itself).
    """
    centred = embeddings - embeddings.mean(0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    asked = spread(len(centred), count)
    likeness = centred[asked] @ centred.T  # (Q, N)
    likeness[np.arange(len(asked)), asked] = -np.inf
    return asked, np.argsort(-likeness, axis=1, kind="stable")[:, : min(nearest, len(centred) - 1)]


def _ids(data: Samples) -> np.ndarray:
    """Row numbers in the split as it is: damaged samples that were left out keep theirs."""
    return np.arange(len(data)) if data.rows is None else data.rows


def _files(data: Samples) -> np.ndarray | None:
    """(N,) names of the samples' files; None where there are none."""
    if data.files is None:
        return None
    return np.asarray([data.files[row] or "" for row in _ids(data)], dtype=str)


def _write_parquet(path: Path, parts: Iterator[np.ndarray], data: Samples) -> int:
    """One row group for each part. Returns the width of an embedding."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer, row, files = None, 0, _files(data)
    labelled, kind = data.labelled, pa.list_(pa.float32())
    try:
        for embedding in parts:
            stop = row + len(embedding)
            columns = {
                "id": pa.array(_ids(data)[row:stop]),
                "latents": pa.FixedSizeListArray.from_arrays(pa.array(embedding.ravel()), embedding.shape[1]),
            }
            if files is not None:
                columns["file"] = pa.array(files[row:stop].tolist())
            if data.labels is not None:
                labels, missing = data.labels[row:stop], ~labelled[row:stop]
                cells = (
                    labels
                    if labels.ndim == 1
                    else [None if m else own for own, m in zip(labels, missing, strict=True)]
                )
                columns["label"] = pa.array(cells, mask=missing) if labels.ndim == 1 else pa.array(cells, kind)
                if data.problem_type == SINGLE:
                    names = [None if m else data.label_names[k] for k, m in zip(labels, missing, strict=True)]
                    columns["label_name"] = pa.array(names, pa.string())
            table = pa.table(columns)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            row = stop
    finally:
        if writer is not None:
            writer.close()
    return embedding.shape[1]


def _write_npz(path: Path, parts: Iterator[np.ndarray], data: Samples) -> int:
    """Arrays `id`, `latents` and, if known, `label`, `label_name` and `file`; embeddings go in part by part."""
    embedding = next(parts)
    width = embedding.shape[1]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("latents.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (len(data), width)}
            np.lib.format.write_array_header_1_0(file, header)
            while embedding is not None:
                file.write(np.ascontiguousarray(embedding, dtype="<f4").tobytes())
                embedding = next(parts, None)
        names = None
        if data.problem_type == SINGLE:
            names = np.asarray([*data.label_names, ""])[data.labels]  # -1 is the last
        arrays = {"id": _ids(data), "label": data.labels, "label_name": names, "file": _files(data)}
        for name, array in arrays.items():
            if array is not None:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
    return width


if __name__ == "__main__":
    run_command(EmbedArguments, run)
