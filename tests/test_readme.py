"""What the README says of the layout is true."""

import re
from pathlib import Path

import ragapp

ROOT = Path(ragapp.__file__).parent
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_tree_names_every_module_and_folder_and_nothing_else():
    tree = README[README.index("ragapp/\n") :].split("```")[0]
    printed = set(re.findall(r"^  ([a-z_]+(?:/|\.py)) ", tree, re.MULTILINE))
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in ROOT.iterdir()
        if not path.name.startswith("_") and (path.is_dir() or path.suffix == ".py")
    }
    assert printed == there


def test_what_the_tree_says_is_inside_a_folder_is_there():
    tree = README[README.index("ragapp/\n") :].split("```")[0]
    for folder, line in re.findall(r"^  ([a-z]+)/ +(.*)$", tree, re.MULTILINE):
        for name in re.findall(r"(?:^|· )([a-z_]+)(/?)(?= |$)", line):
            if "·" in line:
                inside = ROOT / folder / name[0]
                assert inside.is_dir() or inside.with_suffix(".py").is_file(), (folder, name[0])
