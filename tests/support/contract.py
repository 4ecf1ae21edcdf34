"""What /openapi.json says, held against what a server answers.

Every reply that a test gets through Sheaf.session() is looked up by method,
path and status: its type must be among those named there, and JSON must be
valid against its schema.  So the document cannot say one thing and the program
do another.
"""

import functools
import json
import pathlib
import re

import jsonschema_rs

# Never described: they have no body, or are not the handler's.
WITHOUT_BODY = {204, 304}


def _error(schema):
    return {"content": {"application/json": {
        "schema": {"$ref": "#/components/schemas/" + schema}}}}


DOCUMENT = (pathlib.Path(__file__).resolve().parents[2] / "docs"
            / "openapi.json")

# Where there is no route in any service, by the beginning of the path.
NO_ROUTE = {"/api/v2": _error("ChromaError"), "/api/": _error("Detail"),
            "/v1/": _error("OpenAIError"),
            "": _error("Error")}


class Broken(Exception):
    """A reply is not as /openapi.json says.  No AssertionError on purpose:
    who waits for something to come true must not take this for "not yet"."""


def references(node):
    """Every "$ref" in a tree of JSON."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def media_type(content_type):
    """The type without its parameters, in small letters."""
    return content_type.split(";")[0].strip().lower()


def _pattern(path, methods):
    """A regular expression of the paths that a route serves."""
    tails = {"{" + parameter["name"] + "}" for operation in methods.values()
             for parameter in operation["parameters"]
             if parameter.get("x-slashes")}
    parts = [".+" if part in tails else "[^/]+" if part.startswith("{")
             else re.escape(part) for part in path.strip("/").split("/")]
    return re.compile("/" + "/".join(parts) + "/?")


class Contract:
    """One server's /openapi.json."""

    def __init__(self, document):
        self.document = document
        # Literal segments win over parameters, as in the router.
        self.routes = [
            (_pattern(path, methods), methods) for path, methods in
            sorted(document["paths"].items(), key=lambda p: p[0].count("{"))]
        self.validators = {}

    def operations(self):
        """(name, operation) of all that it describes."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation

    def errors(self, schema, value):
        """What is wrong with a value, as texts; `schema` is one of the
        document's, and may refer to others."""
        key = json.dumps(schema)
        if key not in self.validators:
            self.validators[key] = jsonschema_rs.Draft202012Validator(
                {**schema, "components": self.document["components"]},
                validate_formats=True)
        return [f"{'/'.join(map(str, error.instance_path)) or 'the whole'}: "
                f"{error.message[:1000]}"
                for error in self.validators[key].iter_errors(value)]

    def _responses(self, method, path):
        """The described responses of the route that serves a path; of any of
        its methods where that one is not allowed; None without a route."""
        for pattern, methods in self.routes:
            if pattern.fullmatch(path):
                operation = methods.get(method.lower())
                if operation:
                    return operation["responses"]
                return {"default": next(iter(methods.values()))
                        ["responses"]["default"]}
        return None

    def _no_route(self, method, path):
        """Of a path that is not here: in the words of the service that has
        it."""
        elsewhere = whole()._responses(method, path)
        return {"default": elsewhere["default"] if elsewhere else NO_ROUTE[
            next(start for start in NO_ROUTE if path.startswith(start))]}

    def content(self, method, path, status):
        """What a reply may be: {type: {"schema": ...}}."""
        responses = (self._responses(method, path)
                     or self._no_route(method, path))
        described = responses.get(str(status))
        if described is None and status >= 400:
            described = responses.get("default")
        if described is None:
            raise Broken(f"{method} {path}: status {status} is not described")
        return described.get("content", {})

    def check(self, method, path, status, content_type, body):
        """Raise Broken unless the reply is as described.  `body` None: it has
        not been read yet, and only its type is looked at."""
        if method in ("HEAD", "OPTIONS") or status in WITHOUT_BODY:
            return
        if 300 <= status < 400 and not body:
            return
        content = self.content(method, path, status)
        if body is not None and not body and not content:
            return
        kind = media_type(content_type)
        described = content.get(kind) or content.get("*/*")
        if not described:
            raise Broken(f"{method} {path}, {status}: answered with "
                         f"'{kind}', described are {sorted(content)}: "
                         f"{(body or b'')[:1000]!r}")
        if kind != "application/json" or body is None:
            return
        errors = self.errors(described["schema"], json.loads(body))
        if errors:
            raise Broken(f"{method} {path}, {status}: not as /openapi.json "
                         f"says: {'; '.join(errors[:3])}\n{body[:2000]!r}")


@functools.cache
def whole():
    """What a server with all services says of itself."""
    return Contract(json.loads(DOCUMENT.read_text()))
