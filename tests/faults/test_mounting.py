"""Where this user may mount nothing, the tests of full disks run in a namespace in which they may."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from faults.disks import may_mount

ROOT = Path(__file__).parents[2]
FILES = ("tests/faults/test_full_disk.py", "tests/commands/test_cli.py")
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def test_full_disks_in_a_namespace(tmp_path: Path) -> None:
    """All of them; or one, to see that it works, where mounting is allowed and they are run as they are."""
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace of one's own is allowed here")
    chosen = "verdicts_on_a_disk" if may_mount(tmp_path) else "disk"
    command = [*NAMESPACE, sys.executable, "-m", "pytest", "-q", *FILES, "-k", chosen]
    command += ["--basetemp", str(tmp_path / "there")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout, done.stdout
