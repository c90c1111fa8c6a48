from __future__ import annotations

from bosh.execution.variable_places import places_of

MANIFEST = """name: x
a: ((lost))
b: [((found)), ((/director/x/lost.ca)), ((!lost))]
"""


def test_each_place_of_each_missing_variable() -> None:
    message = "- Failed to find variable '/director/x/lost' (at a)\n- Failed to find variable '/other' (at c)"
    assert places_of(message, [("manifest", MANIFEST), ("cloud config", "z: ((other))")]) == [
        "manifest:2:4: ((lost))",
        "manifest:3:16: ((/director/x/lost.ca))",
        "manifest:3:41: ((!lost))",
        "cloud config:1:4: ((other))",
    ]


def test_a_message_without_variables_has_no_places() -> None:
    assert places_of("cannot do it", [("manifest", MANIFEST)]) == []
