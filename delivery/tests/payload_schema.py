"""docs/payload.schema.json, and what keeps to it."""

import json
from pathlib import Path
from typing import Any

import jsonschema

import fastsmtp
from delivery.bodies.body import Body

ROOT = Path(fastsmtp.__file__).parents[1]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "payload.schema.json").read_text())
THIN: dict[str, Any] = SCHEMA["$defs"]["thin"]


def definition(name: str) -> jsonschema.Draft202012Validator:
    """Of one of its parts."""
    parts = {key: SCHEMA[key] for key in ("$defs", "properties")}
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", **parts})


_whole = jsonschema.Draft202012Validator(SCHEMA)
_thin = definition("thin")


def checked(body: Body, *, is_thin: bool = False) -> dict[str, Any]:
    """What the receiver is told; raises ValidationError unless it keeps to the schema."""
    payload: dict[str, Any] = json.loads(body.form_payload or body.content)
    require_form(payload, is_thin=is_thin)
    return payload


def require_form(payload: dict[str, Any], *, is_thin: bool = False) -> None:
    """Raises ValidationError."""
    (_thin if is_thin else _whole).validate(payload)
