"""The template's parameters as `deploy` reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.stack.parameters import parameters_of
from unit.template.document import PATH, read

if TYPE_CHECKING:
    from pathlib import Path


def test_they_are_the_templates() -> None:
    """By name and in its order; every default is one that it takes."""
    found = parameters_of(PATH)

    assert list(read()["Parameters"]) == list(found)
    assert [] == [name for name, one in found.items() if not re.fullmatch(one.pattern, one.default)]


def test_a_value_that_cloudformation_would_refuse_is_refused(tmp_path: Path) -> None:
    """By its pattern or its list, as a whole; the value itself is not repeated."""
    template = tmp_path / "template.yaml"
    template.write_text("""
Parameters:
  Address: { Type: String, Default: "", Description: d, AllowedPattern: "[a-z]*", ConstraintDescription: letters }
  Level: { Type: String, Default: A.B, Description: d, AllowedValues: [A.B, C] }
Resources:
  R: { Type: T, Properties: { P: !Sub "${Address}", Q: !GetAtt [A, B], S: !If [C, !Ref Level, x] } }
""")
    known = parameters_of(template)

    known["Address"].check("abc")
    known["Level"].check("C")
    for name, value, said in (("Address", "abc1", "letters"), ("Level", "AxB", "A.B or C"), ("Level", "D", "A.B or C")):
        with pytest.raises(UsageFailed, match=f"^{name} must be {said}") as refused:
            known[name].check(value)
        assert value not in refused.value.message
