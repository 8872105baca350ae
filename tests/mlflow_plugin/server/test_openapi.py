"""schemathesis over our OpenAPI document: whatever is sent, no server's error; without a sign-in, nothing at all.

AIMS_GATES_SCHEMATHESIS_EXAMPLES says how many examples each route gets (default 4; a long run takes hundreds).
"""

# ruff: noqa: F401, F811 - fixtures are imported by name

import os
from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from .inside import Inside, inside, users_database
from .test_api import opened, ready

EXAMPLES = int(os.environ.get("AIMS_GATES_SCHEMATHESIS_EXAMPLES", "4"))
KNOWN = {400, 401, 403, 404, 409}


def test_no_route_answers_with_a_servers_error_or_lets_anybody_in(
    inside: Inside, record_property: Callable[[str, object], None]
) -> None:
    ready(inside)
    opened(inside)
    document = inside.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=inside.address)
    seen: dict[int, int] = {}
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        strategy = operation.as_strategy()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=EXAMPLES <= 4,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=strategy)
        def run(case: Any) -> None:
            case.headers.pop("Authorization", None)
            alone = case.call(headers={"Authorization": "Basic bm8="})
            assert alone.status_code in (400, 401), (case.as_curl_command(), alone.status_code)
            said = case.call(auth=("root", "root"))
            seen[said.status_code] = seen.get(said.status_code, 0) + 1
            assert said.status_code < 500, (case.as_curl_command(), said.text)
            assert said.status_code in KNOWN | {200}, (case.as_curl_command(), said.status_code, said.text)
            case.validate_response(
                said, checks=[not_a_server_error, content_type_conformance, response_schema_conformance]
            )

        run()
    record_property("requests without a sign-in, all refused", sum(seen.values()))
    for status in sorted(seen):
        record_property(f"HTTP {status}", seen[status])
    assert sum(seen.values()) >= EXAMPLES * len(document["paths"]) // 2 and 200 in seen
    assert requests.get(f"{inside.address}/api/2.0/aims/status", timeout=10).status_code == 401
