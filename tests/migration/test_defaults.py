"""Default values are left out. Keys of a map with free keys are the project's own, even if they are empty."""

from typing import Any

import pytest

from reconciler.migration.declare import without_defaults

FREE = {"orgs": [], "s": "", "d": {}, "deep": {"none": []}, "k": 1}


def told(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    found = without_defaults({(kind, name): {"live": spec}})
    return dict(found[kind, name]["live"])


@pytest.mark.parametrize(
    ("kind", "field"), [("M2MClient", "trusted_metadata"), ("TrustedTokenProfile", "attribute_mapping")]
)
def test_a_map_of_free_content_is_kept_as_it_is(kind: str, field: str) -> None:
    assert told(kind, "a", **{field: FREE})[field] == FREE
    assert field not in told(kind, "a", **{field: {}})


def test_a_section_is_left_with_what_somebody_has_set() -> None:
    sessions = {"max_session_duration_minutes": 5}
    basic = {"enabled": False, "domains": []}
    assert told("SDKConfig", "default", sessions=sessions, basic=basic) == {"sessions": sessions}
