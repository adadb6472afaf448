"""What a deployment was told, in SAM's own file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokensync_cli.stack.samconfig import Told, overrides, read, write

TEMPLATE = Path(__file__).parents[4] / "samconfig.toml"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Empty values too: they clear what an earlier deployment set."""
    file = tmp_path / "samconfig.toml"
    told = Told(
        stack_name="s", region="r", profile="p", parameters={"AlertEmail": "", "PublicUrl": "https://a.example"}
    )

    write(file, told, template=TEMPLATE)

    assert told == read(file)
    write(file, Told(stack_name="s", region="r"), template=TEMPLATE)
    assert Told(stack_name="s", region="r") == read(file)


def test_a_new_file_begins_as_the_projects_own(tmp_path: Path) -> None:
    """Its comments and settings stay, as do those of a file that is there."""
    file = tmp_path / "samconfig.toml"

    write(file, Told(stack_name="s", region="r"), template=TEMPLATE)

    lines = file.read_text().splitlines()
    assert [] == [
        line for line in TEMPLATE.read_text().splitlines() if line not in [*lines, 'stack_name = "tokensync"']
    ]
    file.write_text(file.read_text() + "\n[default.deploy.parameters.more]\nx = 1 # kept\n")
    write(file, Told(stack_name="t", region="r"), template=TEMPLATE)
    assert "x = 1 # kept" in file.read_text()


def test_no_file_told_nothing(tmp_path: Path) -> None:
    """Then there are the defaults."""
    assert Told() == read(tmp_path / "samconfig.toml")


@pytest.mark.parametrize(
    "told",
    [
        'parameter_overrides = "A=1 B=\\"two words\\" C=\\"\\""',
        "parameter_overrides = ['A=1', 'B=\"two words\"', 'C=\"\"']",
        "parameter_overrides = { A = 1, B = 'two words', C = '' }",
    ],
)
def test_each_form_that_sam_knows_is_read(tmp_path: Path, told: str) -> None:
    """Text, a list, a table."""
    file = tmp_path / "samconfig.toml"
    file.write_text(f"version = 0.1\n[default.deploy.parameters]\n{told}\n")

    assert {"A": "1", "B": "two words", "C": ""} == read(file).parameters


def test_a_command_of_its_own_wins(tmp_path: Path) -> None:
    """As with SAM: what stands under deploy goes before what stands under global."""
    file = tmp_path / "samconfig.toml"
    file.write_text('[default.global.parameters]\nregion="a"\n[default.deploy.parameters]\nregion="b"\n')

    assert "b" == read(file).region
    write(file, Told(stack_name="s", region="c"), template=TEMPLATE)
    assert "c" == read(file).region


def test_parameters_are_quoted_for_sam() -> None:
    """Or SAM takes an empty one for the end of the list."""
    assert ['A="1"', 'B=""'] == overrides({"A": "1", "B": ""})
