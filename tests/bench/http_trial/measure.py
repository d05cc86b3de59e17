#!/usr/bin/env python3
"""Measures each server of the trial: requests a second and p99 with wrk, memory and wake-ups with 1,000 idle connections.

    tests/bench/http_trial/measure.py NAME=PROGRAM[,ARGUMENT] ...

Needs Debian's wrk. The servers take turns, so that a slow minute of the machine is shared by all.
"""
import os
import re
import socket
import statistics
import subprocess
import sys
import time

ROUNDS, SECONDS, IDLE = 3, 3, 1000


def start(command):
    process = subprocess.Popen(command.split(","), stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def load(port, connections):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", f"http://127.0.0.1:{port}/"]
    out = subprocess.run(command, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return rate, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def status(pid, key):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(rf"{key}:\s+(\d+)", file.read()).group(1))


def switches(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        total += status(f"{pid}/task/{thread}", "voluntary_ctxt_switches")
    return total


def idle(command):
    process, port = start(command)
    before = status(process.pid, "VmRSS")
    held = []
    for _ in range(IDLE):
        held.append(socket.create_connection(("127.0.0.1", port)))
        held[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for connection in held:
        if not connection.recv(65536):
            raise SystemExit(f"{command}: closed an idle connection")
    time.sleep(1)
    memory = status(process.pid, "VmRSS") - before
    first = switches(process.pid)
    time.sleep(3)
    wakes = (switches(process.pid) - first) / 3
    for connection in held:
        connection.close()
    process.terminate()
    process.wait()
    return memory / 1024, wakes


def main():
    servers = dict(pair.split("=", 1) for pair in sys.argv[1:])
    figures = {name: {8: [], 64: []} for name in servers}
    for _ in range(ROUNDS):
        for name, command in servers.items():
            process, port = start(command)
            for connections in figures[name]:
                figures[name][connections].append(load(port, connections))
            process.terminate()
            process.wait()
    print("| server | requests/s, 8 | p99 ms, 8 | requests/s, 64 | p99 ms, 64 | MB for 1,000 idle | wake-ups/s of these |")
    print("|---|---|---|---|---|---|---|")
    for name, command in servers.items():
        row = [f"{statistics.median(runs[i] for runs in figures[name][c]):,.{0 if i == 0 else 2}f}" for c in (8, 64) for i in (0, 1)]
        memory, wakes = idle(command)
        print(f"| {name} | {' | '.join(row)} | {memory:.1f} | {wakes:.0f} |", flush=True)


main()
