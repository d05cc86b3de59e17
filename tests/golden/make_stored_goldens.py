#!/usr/bin/env python3
"""Makes tests/golden/checkpoint/stored.safetensors: matrices in bf16, int8 and NF4, and what their values are.

    make_stored_goldens.py          needs numpy, torch and safetensors

NAME.values are encoded to KIND.NAME.codes (and .scales), which mean KIND.NAME.decoded. NF4 is made from the paper alone: its levels are the
quantiles of arXiv 2305.14314, appendix E, computed anew, and a code is that of the nearest level in double precision.
"""
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

# The levels as the paper prints them.
PAPER = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
         -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
         0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
OUT = Path(__file__).parent / "checkpoint" / "stored.safetensors"
BLOCK = 64


def normal_quantile(p):
    return float(torch.special.ndtri(torch.tensor(p, dtype=torch.float64)))


def levels_of_the_construction():
    """Eight quantiles above zero, seven below, zero itself; the outermost at the offset that the authors' code has; scaled to 1."""
    offset = 0.9677083
    above = [normal_quantile(p) for p in np.linspace(offset, 0.5, 9)[:-1]]
    below = [-normal_quantile(p) for p in np.linspace(offset, 0.5, 8)[:-1]]
    levels = np.array(sorted(above + below + [0.0]))
    return levels / np.abs(levels).max()


def blocks(values):
    flat = values.reshape(-1)
    return [flat[i:i + BLOCK] for i in range(0, len(flat), BLOCK)]


def int8(values):
    codes, scales, decoded = [], [], []
    for block in blocks(values):
        scale = np.float32(np.abs(block).max()) / np.float32(127)
        code = np.rint(block / scale).clip(-127, 127) if scale > 0 else np.zeros_like(block)
        codes.append(code.astype(np.int8))
        scales.append(scale)
        decoded.append(scale * code.astype(np.float32))
    return np.concatenate(codes).view(np.uint8), np.array(scales, np.float32), np.concatenate(decoded)


def nf4(values):
    levels = np.array(PAPER, np.float32)
    codes, scales, decoded = [], [], []
    for block in blocks(values):
        scale = np.float32(np.abs(block).max())
        shares = block.astype(np.float64) / np.float64(scale) if scale > 0 else np.zeros(len(block))
        code = np.abs(shares[:, None] - levels.astype(np.float64)[None, :]).argmin(axis=1)
        codes.append(code)
        scales.append(scale)
        decoded.append(scale * levels[code])
    code = np.concatenate(codes)
    code = np.concatenate([code, np.zeros(len(code) % 2, code.dtype)])
    return (code[0::2] << 4 | code[1::2]).astype(np.uint8), np.array(scales, np.float32), np.concatenate(decoded)


def main():
    assert np.abs(levels_of_the_construction() - PAPER).max() < 1e-6
    random = np.random.default_rng(1)
    matrices = {"square": random.normal(0, 0.02, (64, 64)), "odd": random.normal(0, 1, (7, 19)),
                "outliers": random.standard_t(2, (24, 40)), "zeros": np.zeros((4, 48))}
    matrices["zeros"][2, 40] = -3e-5  # one block of nothing but zeros, one with a single value
    tensors = {}
    for name, matrix in matrices.items():
        values = matrix.astype(np.float32)
        tensors[f"{name}.values"] = values
        rounded = torch.from_numpy(values).to(torch.bfloat16)
        tensors[f"bf16.{name}.codes"] = rounded.view(torch.uint8).numpy().reshape(-1)
        tensors[f"bf16.{name}.decoded"] = rounded.float().numpy().reshape(-1)
        for kind, encode in {"int8": int8, "nf4": nf4}.items():
            parts = dict(zip(("codes", "scales", "decoded"), encode(values)))
            tensors.update({f"{kind}.{name}.{part}": array for part, array in parts.items()})
    save_file(tensors, OUT)
    print(f"{len(matrices)} matrices, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
