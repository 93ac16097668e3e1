"""The shape of the house: modules meet at front doors, files stay small, documents name what exists."""

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(p.name for p in (ROOT / "huida/modules").iterdir() if (p / "__init__.py").exists())
WIRING = ("huida.main", "huida.doors", "huida.commands", "huida.demo", "huida.cli")
LONGEST = 500


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("huida", cache_dir=None)


def module_of(name: str) -> str:
    return name.split(".")[2] if name.startswith("huida.modules.") else ""


def test_modules_meet_at_front_doors(graph: grimp.ImportGraph) -> None:
    through_the_window = [
        f"{importer} -> {target}"
        for importer in graph.modules
        if not importer.startswith(WIRING)
        for target in graph.find_modules_directly_imported_by(importer)
        if module_of(target) and module_of(importer) != module_of(target) and target.count(".") > 2
    ]
    assert sorted(through_the_window) == []


def test_the_kernel_knows_no_module_and_providers_know_no_merchant(graph: grimp.ImportGraph) -> None:
    up = [
        f"{importer} -> {target}"
        for importer in graph.modules
        for target in graph.find_modules_directly_imported_by(importer)
        if (importer.startswith("huida.kernel") and not target.startswith("huida.kernel"))
        or (importer.startswith("huida.providers") and target.startswith("huida.modules"))
    ]
    assert up == []


def test_modules_have_no_cycle(graph: grimp.ImportGraph) -> None:
    wanted = {
        module: {
            module_of(target)
            for part in graph.find_descendants(f"huida.modules.{module}") | {f"huida.modules.{module}"}
            for target in graph.find_modules_directly_imported_by(part)
        }
        - {"", module}
        for module in MODULES
    }
    left = dict(wanted)
    while ready := [module for module, needs in left.items() if not needs & left.keys()]:
        for module in ready:
            del left[module]
    assert left == {}


def test_the_simulator_imports_nothing_of_the_product() -> None:
    imports = re.compile(r"^\s*(?:from|import) huida\b", re.M)
    assert [str(p) for p in (ROOT / "wesim").rglob("*.py") if imports.search(p.read_text("utf-8"))] == []


WRITTEN = {
    "huida": ("py",),
    "tests": ("py",),
    "bench": ("py",),
    "wesim": ("py", "js", "css"),
    "console": ("ts", "vue", "css"),
    "member": ("ts", "vue", "scss"),
}
MADE = ("node_modules", "dist", "static/console", "static/h5", "schema.d.ts")
"""What tools write: packages, built pages, types of the API."""


def test_files_stay_small() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for folder, endings in WRITTEN.items()
        for ending in endings
        for path in (ROOT / folder).rglob(f"*.{ending}")
        if not any(made in str(path.relative_to(ROOT)) for made in MADE)
    }
    assert len(lines) > 300
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_the_map_names_only_what_exists() -> None:
    map_file = next((p for p in (ROOT / "ARCHITECTURE.md", ROOT / "docs/ARCHITECTURE.md") if p.exists()), None)
    if map_file is None:
        pytest.skip("ARCHITECTURE.md is not written yet")
    named = re.findall(r"`((?:huida|wesim|tests|docs|bench|migrations)/[\w./-]+)`", map_file.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
