"""What an operator is given: units that systemd takes, and every variable there is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = ROOT / "tcss_billing" / "production"
UNITS = sorted(PRODUCTION.glob("*.service"))
READ = re.compile(r'\benv(?:iron\.get)?(?:\.\w+)?\(\s*"([A-Z][A-Z_]+)"')
# What only the demo sets, for itself.
NOT_FOR_OPERATORS = {"DEMO_INBOX"}


def test_every_variable_that_is_read_is_explained() -> None:
    read = {
        name
        for path in (ROOT / "tcss_billing").rglob("*.py")
        for name in READ.findall(path.read_text())
    }
    text = (PRODUCTION / "environment").read_text()

    explained = set(re.findall(r"^(?:# )?([A-Z_]+?)(?:_FILE)?=", text, re.MULTILINE))

    assert read - NOT_FOR_OPERATORS == explained - {"WEB_CONCURRENCY"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    require("systemd-analyze", verify)
    # It looks whether programs are there, and knows a unit by its neighbours.
    for each in UNITS:
        here = each.read_text().replace("/opt/tcss-billing", str(tmp_path))
        (tmp_path / each.name).write_text(here)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "gunicorn"):
        (programs / name).touch(mode=0o755)

    said = subprocess.run(
        [str(verify), "verify", "--man=no", str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in said.stderr.splitlines() if "tcss-billing" in line]
    assert ours == []
    assert said.returncode == 0
