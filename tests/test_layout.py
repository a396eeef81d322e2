"""The layout keeps its promises: who imports whom, what is loaded when, where things are said."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ragapp

ROOT = Path(ragapp.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# From the ground up: a room imports rooms of lower floors, never of its own floor or above.
FLOORS = (
    {"types", "untyped"},
    {"words"},
    {"errors"},
    {"paths", "settings", "people", "events", "offline"},
    {"text", "machine", "file_events"},
    {"documents", "embedding", "llm", "weights", "conversations"},
    {"index"},
    {"retrieval", "synthesis"},
    {"models", "pace"},
    {"library"},
    {"remove", "pending", "about", "tables"},
    {"ask", "ingest"},
    {"watch", "uploads", "batch", "lab"},
    {"fetch"},
    {"sync"},
    {"web"},
    {"cli"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {
    "torch", "transformers", "gradio", "sentence_transformers", "faiss", "pypdf", "docx", "bs4",
    "lxml", "markdown_it", "pypdfium2", "python_calamine", "pptx", "striprtf", "olefile", "py7zr",
    "rapidocr", "PIL", "opencc", "safetensors", "tokenizers", "gguf", "sentencepiece",
}  # fmt: skip
# Pages are laid out in Gradio's own terms; web/app.py imports them when it serves, not before.
GRADIO_PAGES = {"web/chat.py", "web/library.py", "web/page.py", "web/panes.py", "web/visitor.py"}
# A layer is a class of torch's; llm/torch/model.py imports it when it quantises.
TORCH_LAYERS = {"llm/torch/int8_linear.py"}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(nodes):
    """Yield every module imported below some nodes, as a dotted name."""
    for node in nodes:
        for each in ast.walk(node):
            if isinstance(each, ast.Import):
                yield from (alias.name for alias in each.names)
            elif isinstance(each, ast.ImportFrom):
                assert each.level == 0, "relative imports hide the direction"
                yield each.module
                if each.module.count(".") < 2:  # from ragapp import paths, from ragapp.x import y
                    yield from (f"{each.module}.{alias.name}" for alias in each.names)


def at_import_time(tree):
    """Yield the nodes that run when a module is imported: all but functions and type checking."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        stack = [node]
        while stack:
            each = stack.pop()
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(each, ast.Import | ast.ImportFrom):
                yield each
            stack.extend(ast.iter_child_nodes(each))


def room_of(path):
    return name_of(path).split("/")[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downwards(path):
    room = room_of(path)
    if room == "__init__":
        return
    rooms = {m.split(".")[1] for m in imports([tree_of(path)]) if m.startswith("ragapp.")}
    rooms -= {room, "__version__"}
    assert not [other for other in rooms if FLOOR_OF[other] >= FLOOR_OF[room]]


def test_no_modules_import_one_another_in_a_circle():
    names = {"ragapp." + name_of(p).removesuffix(".py").replace("/", "."): p for p in MODULES}
    arrows = {
        name: {m for m in imports([tree_of(path)]) if m in names and m != name}
        for name, path in names.items()
    }
    while arrows:
        free = {name for name, to in arrows.items() if not to & arrows.keys()}
        assert free, f"a circle among {sorted(arrows)}"
        arrows = {name: to for name, to in arrows.items() if name not in free}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_knowledge_bases_are_opened_at_one_door():
    doors = {"KnowledgeBase.open", "KnowledgeBase.create", "kbs.delete", "kbs.list_names"}
    for path in MODULES:
        if name_of(path).startswith(("index/", "library.py")):
            continue
        tree = tree_of(path)
        assert "ragapp.index.knowledge_base.KnowledgeBase" not in set(imports([tree]))
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not calls & doors, path


def test_settings_are_read_above_the_stages_only():
    for path in MODULES:
        reads = any(m == "ragapp.settings" for m in imports([tree_of(path)]))
        if reads and room_of(path) != "__init__":
            assert FLOOR_OF[room_of(path)] >= FLOOR_OF["models"], path


def test_types_import_nothing_of_ours_and_errors_only_their_words():
    for name, allowed in (("types.py", ()), ("errors.py", ("ragapp.words.catalogue",))):
        ours = {m for m in imports([tree_of(ROOT / name)]) if m.startswith("ragapp")}
        assert ours <= set(allowed)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_heavy_is_imported_before_it_is_needed(path):
    loaded = {module.split(".")[0] for module in imports(at_import_time(tree_of(path)))}
    allowed = {"gradio"} if name_of(path) in GRADIO_PAGES else set()
    allowed |= {"torch"} if name_of(path) in TORCH_LAYERS else set()
    assert loaded & HEAVY <= allowed


@pytest.mark.parametrize(
    "module", ["ragapp.cli.main", "ragapp.web.app", "ragapp.ask", "ragapp.ingest"]
)
def test_importing_an_entrance_loads_no_model_library(module):
    script = f"import sys, {module}; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], text=True).split())
    assert "ragapp" in loaded
    assert loaded & HEAVY == set()
    assert module != "ragapp.cli.main" or "numpy" not in loaded  # --help answers at once


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_terminal_prints(path):
    calls = [n.func.id for n in ast.walk(tree_of(path))
             if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]  # fmt: skip
    assert "print" not in calls or room_of(path) == "cli"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_unpickled(path):
    tree = tree_of(path)
    assert not {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"} & {
        module.split(".")[0] for module in imports([tree])
    }
    # With weights_only, torch reads tensors and plain containers and runs nothing.
    safe = {
        n.func
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        and ast.unparse(n.func) == "torch.load"
        and "weights_only=True" in map(ast.unparse, n.keywords)
    }
    unsafe = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n not in safe]
    assert not {ast.unparse(n) for n in unsafe} & {"torch.load", "np.load", "numpy.load"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path):
    assert ast.get_docstring(tree_of(path))
