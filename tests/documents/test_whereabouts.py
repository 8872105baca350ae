"""What is stored names no place of the machine it was made on."""

from pathlib import Path

import pytest

from aims_gates.documents.whereabouts import anywhere, parts_anywhere

ROOT = Path("/home/ada/pack")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "/home/ada/pack/records/systems/loans/card.yaml:3: is empty",
            "records/systems/loans/card.yaml:3: is empty",
        ),
        ("cannot read '/srv/data/x.csv', nor (/tmp/a/b.csv)", "cannot read 'x.csv', nor (b.csv)"),
        ("file:///srv/data/x.parquet and sqlite:////var/lib/x.db", "x.parquet and sqlite:///x.db"),
        (r"C:\Users\ada\x.csv is empty", "x.csv is empty"),
        ("models:/m-1/model, runs:/ab/model, https://host/a/b", "models:/m-1/model, runs:/ab/model, https://host/a/b"),
        (
            "s3://bucket/a/b and GET /metrics, 3/4, and/or, data/x.csv",
            "s3://bucket/a/b and GET /metrics, 3/4, and/or, data/x.csv",
        ),
    ],
)
def test_paths_are_written_from_the_pack_or_by_their_last_part(text: str, shown: str) -> None:
    assert anywhere(text, ROOT) == shown


def test_every_text_of_a_value_is_looked_at() -> None:
    place = str(ROOT / "data" / "x.csv")
    value = {"record": place, "of": [place], "at": ({"file": place}, 3, None)}
    assert parts_anywhere(value, ROOT) == {
        "record": "data/x.csv", "of": ["data/x.csv"], "at": ({"file": "data/x.csv"}, 3, None),
    }  # fmt: skip
