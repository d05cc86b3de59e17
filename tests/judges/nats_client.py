#!/usr/bin/env python3
"""docs/examples/publish_and_subscribe.py, with nats-py and nothing of ours, against a running node.

    nats_client.py LUTHIER          run from the repository's root
"""
import json, os, signal, subprocess, sys, tempfile, time
from pathlib import Path

LUTHIER = sys.argv[1]
MODEL = "tests/golden/models/llama-tiny"
WORDS = "one two three"


def check(what, good):
    if not good:
        sys.exit(f"FAILED: {what}")
    print(f"ok     {what}")


def luthier(*arguments):
    return subprocess.run([LUTHIER, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout


def judge(work, data):
    rows = work / "train.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"number {i}", "completion": WORDS[:3 + i % 10]}) + "\n" for i in range(64)))
    luthier("model", "import", MODEL, "--name", "tiny")
    luthier("dataset", "import", rows, "--name", "rows")

    # The model's files are the fileset that the import has made; the example makes a model of its own from them.
    example = subprocess.run([sys.executable, "docs/examples/publish_and_subscribe.py", data / "nats/client.url",
                              "default", "tiny", "by-example", "rows", "taught", "4"], stdout=subprocess.PIPE, text=True, timeout=120)
    print(example.stdout)
    check("the example ends with 0", example.returncode == 0)
    heard = [line.rsplit(".", 1)[-1] for line in example.stdout.splitlines() if line.startswith("< luthier.v1.evt.")]
    check("it heard the job from its beginning to its end", heard[:1] == ["JobQueued"] and heard[-1] == "JobCompleted" and heard.count("JobStepFinished") > 0)
    check("the job is completed", json.loads(luthier("job", "show", "taught", "--json"))["status"] == "completed")
    check("the adapter is there", json.loads(luthier("adapter", "show", "taught", "--json"))["lora"]["rank"] == 8)


def main():
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        data = work / "data"
        os.environ["LUTHIER_DATA"] = str(data)
        with open(work / "node.log", "w") as log:
            node = subprocess.Popen([LUTHIER, "up", "--data", data, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            check("the node says that it is ready", any(line.startswith("ready ") for line in node.stdout))
            judge(work, data)
            begin = time.time()
            node.send_signal(signal.SIGTERM)
            check("the node ends with 0 within 15 s of SIGTERM", node.wait(30) == 0 and time.time() - begin < 15)
        except BaseException:
            print((work / "node.log").read_text()[-3000:])
            raise
        finally:
            if node.poll() is None:
                node.terminate()
                try:
                    node.wait(20)
                except subprocess.TimeoutExpired:
                    node.kill()
                    node.wait()


if __name__ == "__main__":
    main()
