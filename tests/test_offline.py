"""Nothing leaves this machine: what the libraries make of it, each in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import ragapp
from ragapp import offline

OURS = {*offline.NO_REPORTS, offline.NO_LOOKUPS}


def printed(script, **environment):
    """Run a script in a process whose environment says nothing but what the test says."""
    bare = {name: value for name, value in os.environ.items() if name not in OURS}
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=bare | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


KEPT = "from ragapp.offline import keep_local; keep_local()\n"
HUB = """
from huggingface_hub import constants, is_offline_mode
print(is_offline_mode(), constants.HF_HUB_DISABLE_TELEMETRY)
"""


def test_the_hub_library_looks_nothing_up_and_reports_nothing():
    assert printed(HUB) == "False False"
    assert printed(KEPT + HUB) == "True True"


def test_also_when_it_has_been_imported_before():
    assert printed("import huggingface_hub.constants\n" + KEPT + HUB) == "True True"


def test_who_allows_look_ups_has_them_and_still_reports_nothing():
    assert printed(KEPT + HUB, HF_HUB_OFFLINE="0") == "False True"
    first = "import huggingface_hub.constants\n"
    assert printed(first + KEPT + HUB, HF_HUB_OFFLINE="0") == "False True"


def test_gradio_reports_nothing_whatever_the_environment_says():
    script = "from gradio import analytics; print(analytics.analytics_enabled())"
    assert printed(script, GRADIO_ANALYTICS_ENABLED="True") == "True"
    assert printed(KEPT + script, GRADIO_ANALYTICS_ENABLED="True") == "False"


def test_processes_started_afterwards_are_kept_local_too():
    child = "import os; print(os.environ['HF_HUB_OFFLINE'], os.environ['DO_NOT_TRACK'])"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert printed(KEPT + script) == "1 1"


def test_the_command_line_keeps_local_before_it_does_anything():
    script = "import os\nfrom ragapp.cli.main import main\nmain(['models', 'list'])\n"
    shown = "print('HF_HUB_OFFLINE =', os.environ['HF_HUB_OFFLINE'])"
    assert printed(script + shown).endswith("HF_HUB_OFFLINE = 1")


def test_no_other_module_speaks_of_reports_and_look_ups():
    """A second place would drift from the first."""
    root = Path(ragapp.__file__).parent
    elsewhere = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(name in path.read_text(encoding="utf-8") for name in OURS)
    }
    assert elsewhere == {"offline.py"}
