#!/usr/bin/env python3
"""Makes tests/golden/checkpoint/quants.safetensors: random blocks of ggml's formats and what the gguf package makes of them.

    make_quant_goldens.py          needs numpy, gguf and safetensors

NAME.blocks are the bytes, NAME.values what they mean.
"""
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Q
from gguf.quants import dequantize
from safetensors.numpy import save_file

OUT = Path(__file__).parent / "checkpoint" / "quants.safetensors"
# Where a block has its f16 scales, which must not be infinite.
SCALES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q8_0: [0], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208], Q.Q5_1: [0, 2],
          Q.MXFP4: []}
BLOCKS = 3


def main():
    random = np.random.default_rng(1)
    tensors = {}
    for kind, scales in SCALES.items():
        blocks = random.integers(0, 256, (BLOCKS, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
        for at in scales:
            blocks[:, at:at + 2] = random.normal(0, 0.1, (BLOCKS, 1)).astype(np.float16).view(np.uint8)
        if kind == Q.MXFP4:
            blocks[:, 0] = random.integers(100, 130, BLOCKS)
        tensors[f"{kind.name}.blocks"] = blocks.reshape(-1)
        tensors[f"{kind.name}.values"] = dequantize(blocks, kind).reshape(-1).astype(np.float32)
        assert np.isfinite(tensors[f"{kind.name}.values"]).all()
    save_file(tensors, OUT)
    print(f"{len(SCALES)} formats, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
