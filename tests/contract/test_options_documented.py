"""Every argument and option of every command is on the page of options, and nothing else is."""

import re
from pathlib import Path

import pytest
import typer

from theradose.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "options.md"


def commands(command, words=()):
    """Return all commands below a command by their words."""
    if hasattr(command, "commands"):
        found = {}
        for word, below in command.commands.items():
            found |= commands(below, (*words, word))
        return found
    return {" ".join(words): command}


COMMANDS = commands(typer.main.get_command(app))


def sections():
    """Return the rows of each command on the page: name to whether it is needed, and the text."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        rows = re.findall(r"^\| `([^`]+)` \| (yes)? ?\| (.+) \|$", text, flags=re.MULTILINE)
        found[heading.strip("`").removeprefix("theradose ")] = {name: (bool(yes), said) for name, yes, said in rows}
    return found


def expected(command):
    return {
        name if name.startswith("-") else name.upper(): parameter.required
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def test_the_page_has_all_commands_and_no_other():
    assert len(COMMANDS) >= 17
    assert list(sections()) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_a_command_are_documented(name):
    documented = sections()[name]
    assert {option: needed for option, (needed, _) in documented.items()} == expected(COMMANDS[name])
    assert all(len(said.strip()) > 5 for _, said in documented.values())
