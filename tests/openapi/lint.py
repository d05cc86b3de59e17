#!/usr/bin/env python3
"""Looks through an OpenAPI document: openapi-spec-validator for what the specification of 3.1 asks, and below it what it leaves open
and a reader of this document may rely on.

    tests/openapi/lint.py FILE          one line per finding; exit code 1 if there are any
"""

import json
import re
import sys

import jsonschema_rs
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
PASSED_ON = "inference gateway"  # what comes from elsewhere has no schema of ours


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", path, operation


def walk(node, place="#"):
    """Every object in the document, with its place."""
    if isinstance(node, dict):
        yield place, node
        for name, value in node.items():
            yield from walk(value, f"{place}/{name.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from walk(value, f"{place}/{number}")


def schemas(document):
    """Every schema that stands somewhere, with its place: components, parameters, bodies and answers."""
    for name, schema in document["components"]["schemas"].items():
        yield f"schema {name}", schema
    for label, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            yield f"{label}: parameter {parameter['name']}", parameter["schema"]
        for kind, held in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{label}: body {kind}", held["schema"]
        for status, answer in operation["responses"].items():
            for kind, held in answer.get("content", {}).items():
                yield f"{label}: {status} {kind}", held["schema"]


def by_specification(document):
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        yield f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:300]}"


def of_operations(document):
    known = {}
    for label, path, operation in operations(document):
        name = operation.get("operationId")
        if not name or not re.fullmatch(r"[A-Za-z0-9_]+", name):
            yield f"{label}: operationId {name!r}"
        if name in known:
            yield f"{label}: has the operationId of {known[name]}"
        known[name] = label
        for member in ("summary", "tags"):
            if not operation.get(member):
                yield f"{label}: no {member}"
        declared = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
        wanted = re.findall(r"{(\w+)}", path)
        if declared != wanted:
            yield f"{label}: has the path parameters {wanted} and declares {declared}"
        everything = [(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", [])]
        if len(everything) != len(set(everything)):
            yield f"{label}: declares a parameter twice"
        if path.count("{tail}") and not path.endswith("{tail}"):
            yield f"{label}: a tail is the end of a path"


def of_answers(document):
    for label, _, operation in operations(document):
        answers = operation["responses"]
        if not any(status.startswith("2") for status in answers):
            yield f"{label}: no answer says that it went well"
        if "default" not in answers:
            yield f"{label}: does not say what any other error looks like"
        if operation.get("security") != [] and "401" not in answers:
            yield f"{label}: needs a credential and has no 401"
        if "requestBody" in operation and not {"413", "415", "422"} <= set(answers):
            yield f"{label}: takes a body and cannot refuse one"
        for status, answer in answers.items():
            if status in ("204", "304"):
                if "content" in answer:
                    yield f"{label}: {status} has a body"
                continue
            if not answer.get("content"):
                yield f"{label}: {status} has no content"
            for kind, held in answer.get("content", {}).items():
                if not held.get("schema") and PASSED_ON not in operation["tags"]:
                    yield f"{label}: {status} {kind} has no schema"
                if not status.startswith(("2", "3")) and kind != "application/json":
                    yield f"{label}: {status} is {kind}, not JSON"


def of_references(document):
    used = set()
    for place, node in walk(document):
        target = node.get("$ref")
        if not isinstance(target, str):
            continue
        found = document
        for part in target.removeprefix("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        if not found:
            yield f"{place}: {target} leads nowhere"
        used.add(target)
    for kind, components in document["components"].items():
        if kind == "securitySchemes":
            used |= {f"#/components/{kind}/{name}" for name in components if any(name in need for need in document["security"])}
        for name in components:
            if f"#/components/{kind}/{name}" not in used:
                yield f"component {kind}/{name} is not used"


def of_schemas(document):
    components = {"components": document["components"]}
    for place, schema in schemas(document):
        for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema):
            yield f"{place}: is no JSON Schema: {error.message[:200]}"
        for below, node in walk(schema, place):
            if not isinstance(node.get("type", "object"), (str, list)):
                continue  # a property that is called "type"
            pattern = node.get("pattern")
            if isinstance(pattern, str):
                try:
                    jsonschema_rs.Draft202012Validator({"pattern": pattern})
                except ValueError as error:
                    yield f"{below}: pattern {pattern}: {error}"
            if isinstance(node.get("required"), list) and not set(node["required"]) <= set(node.get("properties", {})):
                yield f"{below}: requires what it does not declare: {node['required']}"
            for member in ("default", "example", "examples"):
                if member not in node or "properties" in place.rsplit("/", 1)[-1]:
                    continue
                values = node[member] if member == "examples" else [node[member]]
                for value in values if isinstance(values, list) else []:
                    checked = Draft202012Validator({**components, **{key: held for key, held in node.items() if key != member}})
                    for error in checked.iter_errors(value):
                        yield f"{below}: {member} {json.dumps(value)[:100]} does not fit: {error.message[:200]}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    if not str(document.get("openapi", "")).startswith("3.1."):
        sys.exit(f"lint: the document is of OpenAPI {document.get('openapi')}")
    findings = [
        f"{check.__name__}: {finding}"
        for check in (by_specification, of_operations, of_answers, of_references, of_schemas)
        for finding in check(document)
    ]
    for finding in findings:
        print(finding)
    count = sum(1 for _ in operations(document))
    print(f"lint: {count} operations, {len(document['components']['schemas'])} schemas, {len(findings)} findings")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
