"""What schemathesis does differently here, and a count of what it has reached."""

import atexit
import collections
import os
import re

import schemathesis

# Values of dictionaries for the last parameter of a path: schemathesis leaves out those that have a slash.
SLASHED = {"models": "v1/models", "chat": "v1/chat/completions", "ready": "v1/health/ready", "below": "dir/b.txt"}

LAX = re.compile(r"violates `type` at .* became (string|integer|number|boolean)\)")
KEPT = {"kept", "t-kept", "p-kept", "igw-mock-kept", "llama-tiny", "llama-tiny-adapter"}
statuses = collections.defaultdict(collections.Counter)  # of each operation


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document says of any other error what it looks like. Here each refusal must be one that the operation names."""
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("default", None)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    tail = (path_parameters or {}).get("tail")
    if tail in SLASHED:
        path_parameters["tail"] = SLASHED[tail]
    return path_parameters


@schemathesis.hook
def filter_query(context, query):
    """No order is the usual one: a client that leaves the value empty is not refused."""
    return (query or {}).get("sort") != ""


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Numbers and flags are read from what clearly is one, 0 as false and "5" as 5: that a wrong type was taken says nothing."""
    return not LAX.search(getattr(failure, "message", ""))


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is called kept stays, also when a name comes out of an earlier answer; something of the kind goes in its place."""
    if case.method.upper() == "DELETE" and "-/{tail}" not in case.path:
        last = list(case.path_parameters)[-1:]
        for name in {"name", *last} & set(case.path_parameters):
            if str(case.path_parameters[name]) in KEPT:
                case.path_parameters[name] = str(case.path_parameters[name]).replace("kept", "doomed-1").replace("llama-tiny", "doomed-1")


@schemathesis.hook
def after_call(context, case, response):
    statuses[case.operation.label][response.status_code] += 1


@atexit.register
def write_down():
    """One line per operation, those that never went well first: a check that reaches nothing would pass as well."""
    path = os.environ.get("LUTHIER_OPENAPI_REACHED")
    if not path or not statuses:
        return
    rows = []
    for label, counts in statuses.items():
        went_well = sum(count for status, count in counts.items() if status < 400)
        rows.append((went_well > 0, label, " ".join(f"{status}:{count}" for status, count in sorted(counts.items()))))
    with open(path, "w", encoding="utf-8") as file:
        for went_well, label, counts in sorted(rows):
            file.write(f"{'reached' if went_well else 'never'} {label} {counts}\n")
