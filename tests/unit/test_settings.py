"""Settings come from the environment, say where from, and report every mistake at once."""

from pathlib import Path

import pytest

from harness_core.domain.errors import UsageError
from harness_core.settings import NAMES, read_settings


def test_defaults_lie_below_the_home(tmp_path: Path) -> None:
    """Databases follow the home folder unless set themselves."""
    settings = read_settings({"HARNESS_HOME": str(tmp_path)})
    assert settings.database_url == f"sqlite:///{tmp_path}/state.sqlite"
    assert settings.lease_s == 30.0
    assert settings.sources["home"] == "HARNESS_HOME"
    assert settings.sources["lease_s"] == "default"


def test_the_option_wins(tmp_path: Path) -> None:
    """--home beats HARNESS_HOME, and says so."""
    settings = read_settings({"HARNESS_HOME": "/elsewhere"}, home=tmp_path)
    assert (settings.home, settings.sources["home"]) == (tmp_path, "--home")


def test_every_bad_value_is_named() -> None:
    """All mistakes come at once, each with its variable."""
    with pytest.raises(UsageError) as refused:
        read_settings({"HARNESS_WORKERS": "0", "HARNESS_LEASE_S": "soon", "HARNESS_LOG_LEVEL": "loud"})
    assert [problem.field for problem in refused.value.problems] == ["HARNESS_WORKERS", "HARNESS_LEASE_S", "HARNESS_LOG_LEVEL"]


def test_an_unknown_variable_is_a_warning_with_a_suggestion() -> None:
    """A typing mistake does not go unnoticed, and stops nothing."""
    (warning,) = read_settings({"HARNESS_WORKER": "2"}).warnings
    assert "HARNESS_WORKERS" in warning.remedy


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    """Each name of the reference is read from its variable."""
    values = {
        "home": str(tmp_path), "database_url": "sqlite:///x", "queue_url": "memory://", "plugin_path": "/a:/b", "workers": "3", "memory_mb": "700",
        "lease_s": "5", "host": "::1", "port": "9", "max_upload_bytes": "1_000", "min_free_bytes": "1", "drain_s": "2", "log_level": "INFO",
        "allow_unwalled": "1", "allow_network": "1", "scratch_mb": "100", "warm_start": "0", "import_path": "/c",
        "retention_days": "0", "retention_newest": "0", "retention_runs": "100", "retention_bytes": "1_000_000", "retention_grace_days": "0.5",
        "collect_s": "60",
    }  # fmt: skip
    assert set(values) == set(NAMES)
    settings = read_settings({f"HARNESS_{name.upper()}": value for name, value in values.items()})
    assert {settings.sources[name] for name in NAMES} == {f"HARNESS_{name.upper()}" for name in NAMES}
    assert settings.plugin_path == (Path("/a"), Path("/b"))
    assert settings.max_upload_bytes == 1000
