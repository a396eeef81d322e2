"""Every error says what happened, why, and what to do next; the tree is drawn as it is."""

import re

from ragapp import errors
from ragapp.errors import RagappError


def tree(root, depth=0):
    yield depth, root
    for child in root.__subclasses__():
        yield from tree(child, depth + 1)


def test_an_error_is_one_line_with_what_why_and_fix():
    reason = "it ends\nearly."
    error = errors.SettingsError("settings_file_unreadable", file="a.toml", reason=reason)
    assert str(error) == "a.toml: it ends early. Mend the file or move it away."
    assert (error.what, error.why) == ("a.toml", reason)
    assert error.line("zh") == "a.toml：it ends early。请修正该文件，或把它移走。"


def test_every_error_of_the_module_descends_from_one():
    defined = [
        c for c in vars(errors).values() if isinstance(c, type) and c.__module__ == errors.__name__
    ]
    assert all(issubclass(c, RagappError) for c in defined)
    assert all(c.__doc__ for c in defined)


def test_the_drawing_at_the_top_is_the_tree():
    drawn = [
        (line.index(name) // 4, name)
        for line in errors.__doc__.splitlines()
        if (name := next(iter(re.findall(r"[A-Z]\w+", line)), "")) and hasattr(errors, name)
    ]
    assert drawn == [
        (depth, c.__name__) for depth, c in tree(RagappError) if c.__module__ == errors.__name__
    ]


def test_an_error_survives_the_way_between_processes():
    import copy

    error = copy.copy(errors.UsageError("base_name_unusable", name="../x"))
    assert (error.code, error.values) == ("base_name_unusable", {"name": "../x"})
    assert "../x" in str(error)
