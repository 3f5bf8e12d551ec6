"""Two thousand columns are no other case: the pages of a dataset version and of its format answer at once and stay readable."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness_core.bootstrap import open_core
from harness_core.domain.formats import header_of
from harness_core.settings import read_settings
from tests.api.conftest import Archive, client_of, run_to_its_end
from tests.fakes.plugins import small_catalog

COLUMNS, ROWS = 2_000, 60
WIDE = "\n".join(",".join(f"{letter}{place}" for place in range(COLUMNS)) for letter in ["c", *(f"v{row}_" for row in range(ROWS))])


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A home with a run of a table of two thousand columns."""
    root: Path = tmp_path_factory.mktemp("wide")
    core = open_core(read_settings({}, home=root / "home"), queue_url="memory://", catalog=small_catalog(root / "plugins"))
    client = client_of(core)
    yield Archive(core, client, run_to_its_end(core, client, "wide.csv", content=WIDE.encode()))
    core.close()


def test_of_a_dataset_of_two_thousand_columns_two_hundred_are_read(wide: Archive) -> None:
    """Which is what keeps the page below half a second; the others are named, and it says that they are not shown."""
    text = wide.client.get(f"/datasets/{wide.core.runs.get(wide.run_id).dataset_version_id}").text
    assert "c1999" in text
    assert ">v0_199<" in text
    assert ">v0_200<" not in text
    assert "The first 200 of 2,000 columns are shown." in text


def test_a_format_of_two_thousand_columns_can_be_changed(wide: Archive) -> None:
    """Three hundred columns have a field for their role; those with a role are always among them."""
    dataset = wide.core.library.dataset_version(str(wide.core.runs.get(wide.run_id).dataset_version_id))
    found, _ = wide.core.formats.teach("wide", header_of(dataset.columns), "wide.csv")
    wide.client.post(f"/formats/{found.name}", data={"role_column": "c1999", "role": "flag"})
    assert wide.core.knowledge.raw_format("wide").roles == {"c1999": "flag"}
    text = wide.client.get("/formats/wide/edit").text
    assert text.count('name="role_column" value=') == 300
    assert 'value="c1999"' in text


def test_only_versions_beside_it_are_read(wide: Archive) -> None:
    """However many others are newer: what another wide table has to say of its columns costs this page nothing."""
    library = wide.core.library
    version = library.dataset_version(str(wide.core.runs.get(wide.run_id).dataset_version_id))
    again = run_to_its_end(wide.core, wide.client, "wide.csv", content=b"a,b\n1,2\n")
    run_to_its_end(wide.core, wide.client, "other.csv", content=b"a,b\n3,4\n")
    beside = [item.dataset_version_id for item in library.dataset_versions_beside(version)]
    assert beside == [wide.core.runs.get(again).dataset_version_id, version.dataset_version_id]
    assert library.dataset_versions_beside(version, limit=1)[0].dataset_version_id == beside[0]
    assert "1 other version" in wide.client.get(f"/datasets/{version.dataset_version_id}").text
