"""Rows of a comparison, as a table for people and as JSON for scripts."""
import argparse
import json
import statistics


def arguments(description, **flags):
    """`flags`: further ones, each with its help."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    for name, text in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser.parse_args()


def compare(work, unit, ours, theirs, peer, goal=None, higher_is_better=True):
    """`ours` and `theirs` are the repetitions in pairs. The ratio says how many times better ours is; `goal` is the least one."""
    ratios = [a / b if higher_is_better else b / a for a, b in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    return {"work": work, "unit": unit, "ours": statistics.median(ours), "peer": peer, "theirs": statistics.median(theirs),
            "ratio": ratio, "spread": [min(ratios), max(ratios)], "goal": goal, "holds": None if goal is None else ratio >= goal}


def alone(work, unit, ours, goal=None, higher_is_better=True):
    value = statistics.median(ours)
    holds = None if goal is None else (value >= goal if higher_is_better else value <= goal)
    return {"work": work, "unit": unit, "ours": value, "peer": None, "theirs": None, "ratio": None,
            "spread": [min(ours), max(ours)], "goal": goal, "holds": holds}


def not_measured(work, unit, goal, why):
    """A row of the comparison that cannot be measured here: it neither holds nor fails, and says why."""
    return {"work": work, "unit": unit, "ours": None, "peer": None, "theirs": None, "ratio": None, "spread": [], "goal": goal,
            "holds": None, "not_measured": why}


def show(rows, json_file):
    def number(value):
        return "" if value is None else f"{value:,.3g}" if abs(value) < 10 else f"{value:,.0f}"

    peers = list(dict.fromkeys(row["peer"] for row in rows if row["peer"]))
    width = max(44, *(len(row["work"]) for row in rows))
    print(f"{'work':{width}} {'unit':10} {'ours':>9} {'theirs':>9} {'ratio':>6} {'spread':>13} {'goal':>6}  holds")
    for row in rows:
        spread = "-".join(number(x) for x in row["spread"])
        holds = {True: "yes", False: "NO", None: ""}[row["holds"]]
        if len(peers) > 1 and row["peer"]:  # which of them
            holds = f"{holds:3} [{peers.index(row['peer']) + 1}]"
        if "not_measured" in row:
            holds = f"not measured: {row['not_measured']}"
        print(f"{row['work']:{width}} {row['unit']:10} {number(row['ours']):>9} {number(row['theirs']):>9} "
              f"{number(row['ratio']):>6} {spread:>13} {number(row['goal']):>6}  {holds}".rstrip())
    for i, peer in enumerate(peers):
        print(f"theirs: {peer}" if len(peers) == 1 else f"theirs [{i + 1}]: {peer}")
    if json_file:
        with open(json_file, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
