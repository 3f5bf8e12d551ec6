"""The wheel is the product: it carries plugins, migrations and assets under its own name, and works from any folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_claims_only_its_own_names(wheel: Path) -> None:
    """`plugins`, `migrations` and `ui_static` are not top-level packages of everybody's environment."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness_core", "harness_worker", "harness_api"}
    for needed in (
        "plugins/ingest_tabular/plugin.yaml",
        "migrations/env.py",
        "ui_static/base.css",
        "docs/how-to/keep-and-delete.md",
    ):
        assert f"harness_core/_bundled/{needed}" in names


def test_the_installed_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """What is installed works without the checkout: plugins are found, the schema is made, a run ends well."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{number},{number % 3}\n" for number in range(50)))
    environment = {**os.environ, "PYTHONPATH": str(site), "HARNESS_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "harness_api.cli", "run", str(table), "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "COMPLETED"
    assert Path(answer["report"]).is_file()
    where = [sys.executable, "-c", "import harness_core; print(harness_core.__file__)"]
    assert str(site) in subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
