"""llama.cpp's side of ./bench serve: its own f16 file of the demo's model, a random adapter, and its program."""
import json
import subprocess
import sys

from sides import gguf, root, run_json, scratch, threads

VERSION = "0.3.36"  # of llama-cpp-python, whose source tools/setup-llama-cpp.sh pins
program = root / ".cache/llama.cpp" / VERSION / "bench"
peer = f"llama.cpp of llama-cpp-python {VERSION}, f16"


def f16_model():
    """Both sides read this file, so neither has rounded weights that the other has not."""
    file = scratch / "smollm2-f16.gguf"
    if not file.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        making = file.with_suffix(".making")
        subprocess.run([program, "f16", gguf, making], check=True, stdout=subprocess.DEVNULL)
        making.rename(file)
    return file


def random_adapter(rank=8):
    """A LoRA on all linear layers, as big as each of those that ours gets."""
    import numpy
    from gguf import GGUFReader, GGUFWriter
    file = scratch / f"random-r{rank}.gguf"
    if file.exists():
        return file
    random, making = numpy.random.default_rng(1), file.with_suffix(".making")
    writer = GGUFWriter(making, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for tensor in GGUFReader(f16_model()).tensors:
        if not tensor.name.startswith("blk.") or len(tensor.shape) != 2:
            continue
        inputs, outputs = (int(size) for size in tensor.shape)
        for side, shape in (("lora_a", (rank, inputs)), ("lora_b", (outputs, rank))):
            writer.add_tensor(f"{tensor.name}.{side}", random.normal(0, 0.02, shape).astype(numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    making.rename(file)
    return file


def rates():
    return run_json(program, "rates", f16_model(), threads, random_adapter())


def answer_command(ids, count):
    return [program, "answer", f16_model(), threads, count, *ids]


def check_answer(ids, expected):
    said = json.loads(subprocess.run([str(part) for part in answer_command(ids, len(expected))], check=True, stdout=subprocess.PIPE).stdout)
    if said != expected:
        sys.exit(f"llama.cpp answers {said} instead of {expected}")
