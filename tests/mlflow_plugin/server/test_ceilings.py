"""What a request may ask for is counted before anything parses it, and the count itself is cheap."""

import json
import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from aims_gates.mlflow_plugin.server.bodies import Refused
from aims_gates.mlflow_plugin.server.ceilings import check_fields, check_graphql, check_json, check_query, scan
from aims_gates.mlflow_plugin.server.otlp import check_otlp


def refusal(check: Any, value: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        check(value)
    return refused.value


def test_depth_and_values_are_counted_outside_strings() -> None:
    assert scan(b"[" * 64 + b"]" * 64) is None
    assert "64 levels" in str(scan(b"[" * 65 + b"]" * 65))
    assert scan(b"[" + b",".join([b"[]"] * 200) + b"]") is None
    assert scan(b"[" + b",".join([b"1"] * 60_000) + b"]", values=60_001) is None
    assert "50000 values" in str(scan(b"[" + b",".join([b"1"] * 60_000) + b"]"))
    assert "50000 values" in str(scan(b"[" + b"{}" * 60_000))
    assert scan(json.dumps({"text": '[{,"\\' * 100_000}).encode()) is None
    assert "levels" in str(scan(b'"\\\\"' + b"[" * 100))


@pytest.mark.parametrize("part", [b"{},", b'"",', b"[", b'"', b'"\\', b"1,", b'{"a":', b"\\"])
def test_a_scan_of_the_largest_body_takes_well_under_a_second(part: bytes) -> None:
    data = part * (32 * 1024**2 // len(part))
    start = time.process_time()
    scan(data)
    assert time.process_time() - start < 1


def test_json_that_hides_in_a_string_or_in_another_alphabet_is_held_against_the_limits_too() -> None:
    deep = "[" * 100 + "]" * 100
    assert refusal(check_json, json.dumps(deep).encode()).status == 422
    assert refusal(check_json, deep.encode("utf-16")).status == 400
    assert refusal(check_json, deep.encode("utf-32-be")).status == 400
    assert check_json(json.dumps(json.dumps({"a": 1})).encode()) == {"a": 1}
    assert check_json(b"no json") is None and check_json(json.dumps(json.dumps("x")).encode()) is None
    for name in ("records", "tags", "model_json", "serialized_scorer"):
        assert refusal(check_fields, {name: deep}).status == 422
    check_fields({"description": deep})


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": " and ".join(["a=1"] * 41)},
        {"filter_string": " OR ".join(["a=1"] * 1500)},
        {"filters": ["a=1", "x" * 20_001]},
        {"filter": "(" * 51},
        {"order_by": ["a"] * 11},
        {"order_by": "a" * 2_001},
        {"max_results": 200_001},
        {"max_results": "9" * 5_000},
        {"experiment_ids": ["1"] * 10_001},
    ],
)
def test_a_search_that_asks_for_too_much_is_told_how_much_is_allowed(fields: dict[str, Any]) -> None:
    refused = refusal(check_fields, fields)
    assert refused.status == 422 and any(character.isdigit() for character in refused.message)


def test_what_clients_and_pages_send_passes() -> None:
    runs = "run_id IN (" + ",".join(f"'{number:032x}'" for number in range(100)) + ")"
    check_fields({"filter": runs, "order_by": ["attributes.start_time DESC"], "max_results": 50_000})
    check_fields({"filter": " AND ".join(["params.a = 'b'"] * 40), "experiment_ids": [str(n) for n in range(10_000)]})
    check_query("&".join(f"run_id={number:032x}" for number in range(100)).encode())
    for other in (None, 1, "x", [], {"filter": None}, {"filter": {"a": 1}}, {"max_results": "many"}):
        check_fields(other)


def test_a_query_string_has_limits_of_its_own_and_those_of_its_fields() -> None:
    assert refusal(check_query, b"a=" + b"x" * 40_000).status == 413
    assert refusal(check_query, b"&".join([b"a=1"] * 1_001)).status == 422
    assert refusal(check_query, b"filter=" + b"+and+".join([b"a%3D1"] * 41)).status == 422
    assert refusal(check_query, b"&".join([b"order_by=a"] * 11)).status == 422


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, {"query": "{a" * 5_000 + "}" * 5_000}),
        (422, {"query": '# "\n' + "{a" * 5_000 + '"' + "}" * 5_000}),
        (422, {"query": "{a(b: " + "[" * 5_000}),
        (422, {"query": "{" + "a " * 401 + "}"}),
        (422, {"query": "fragment F on Query {" + "a " * 9_000 + "}"}),
        (422, {"query": "{a}" + " " * 20_000}),
        (400, {"query": "{" + "!" * 3_000}),
        (400, {"query": "{a"}),
        (400, {"query": ["{a}"]}),
        (400, {"query": "{a}", "variables": [1]}),
        (400, {"query": "{a}", "operationName": 7}),
        (400, [{"query": "{a}"}]),
        (400, None),
    ],
)
def test_a_graphql_request_is_counted_and_parsed_before_mlflow_does(status: int, body: Any) -> None:
    assert refusal(check_graphql, body).status == status


def test_a_graphql_query_at_the_limits_can_be_parsed() -> None:
    check_graphql({"query": "{a" * 100 + "}" * 100, "variables": None})
    check_graphql({"query": "query Q($a: ID!) {b(c: $a) {d e}}", "variables": {"a": "1"}, "operationName": "Q"})


def traces(spans: int, attributes: int = 20) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="call")
        for place in range(attributes):
            span.attributes.add(key=f"a{place}").value.string_value = "x" * 200
    return request


def test_a_batch_of_an_sdk_passes_and_is_counted_within_a_second() -> None:
    data = traces(512).SerializeToString()
    start = time.process_time()
    check_otlp(data)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("kind", ["spans", "fields", "values", "deep"])
def test_traces_that_grow_when_they_are_parsed_are_refused(kind: str) -> None:
    request = traces(1, 1)
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value
    match kind:
        case "spans":
            data = traces(10_001, 0).SerializeToString()
        case "fields":
            data = traces(1_000, 100).SerializeToString()
        case "values":  # two bytes for each
            for _ in range(300_000):
                value.array_value.values.add()
            data = request.SerializeToString()
        case _:
            for _ in range(20):
                value = value.array_value.values.add()
            data = request.SerializeToString()
    start = time.process_time()
    assert refusal(check_otlp, data).status == 422
    assert time.process_time() - start < 2


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05x", b"\x0b", b"\xff" * 11, b"\x0a\x02\x0a\x05", b"\x09x"])
def test_what_is_no_protobuf_is_said(data: bytes) -> None:
    assert refusal(check_otlp, data).status == 400
