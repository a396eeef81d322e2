"""openvino brings a package that reports its use over the network; ours must never let it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import ragapp

CHECK = """
import sys
{first}
import openvino
print("openvino_telemetry.main" in sys.modules)
"""


def reports(first, home):
    ran = subprocess.run(
        [sys.executable, "-c", CHECK.format(first=first)],
        env=os.environ | {"HOME": str(home), "CI": "true"},  # it keeps quiet under CI by itself
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip() == "True"


def test_openvino_has_no_telemetry_behind_our_engines(tmp_path):
    assert not reports("import ragapp.llm.openvino.export", tmp_path)
    assert not reports("import ragapp.llm.openvino.worker", tmp_path)


def test_without_them_it_would_load_it(tmp_path):
    assert reports("", tmp_path)


def test_no_module_of_ours_outside_the_engine_imports_openvino():
    root = Path(ragapp.__file__).parent
    importing = {
        path.parent.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"^\s*(import|from) openvino", path.read_text(encoding="utf-8"), re.M)
    }
    assert importing == {"llm/openvino"}
