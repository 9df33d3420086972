"""Why something could not be read or scanned: every reason names a next step.

The reasons are taken from the code itself, so that one that is added is looked at too.
"""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from quota import scanners, services, sources
from quota.scanners.port import ScanFailed
from quota.services import overdue, working
from quota.sources import distribution, oci
from quota.sources.content import SourceError
from quota.sources.reach import RegistryFailure

# How a sentence begins that tells somebody what to do.
STEPS = {
    "Add", "Build", "Check", "Choose", "Connect", "Delete", "Enter", "Give", "Make",
    "Move", "Name", "Paste", "Pull", "Push", "Put", "Rename", "Renew", "Save", "Scan",
    "Set", "Sync", "Tell", "Try", "Update", "Use", "Wait",
}  # fmt: skip
# What another reason is passed on by; it ends with its own step.
PASSED_ON = {
    "str(error)", "problems[0]", "sentence", "f'{reason} {remedy}'",
    "f'The {what} is not valid JSON.{step}'",
    "f'The {what} is not a JSON object.{step}'",
    "f'Layer {label} cannot be read. {error}'",
}  # fmt: skip


def modules() -> list[ModuleType]:
    return [
        import_module(f"{package.__name__}.{path.stem}")
        for package in (sources, scanners, services)
        for path in sorted(Path(str(package.__file__)).parent.glob("*.py"))
        if path.stem != "__init__"
    ] + [sources, scanners]


def kinds(base: type[Exception]) -> set[type[Exception]]:
    return {base}.union(*(kinds(each) for each in base.__subclasses__()))


MODULES = modules()
REASONS = kinds(SourceError) | kinds(ScanFailed)
# Some reasons bring their own words; all others are told theirs.
WORDED = {each.__name__ for each in REASONS if "__init__" in vars(each)}
TOLD = {"SourceError", "RegistryFailure"} | {e.__name__ for e in REASONS} - WORDED
WITH_REMEDY = {each.__name__ for each in kinds(RegistryFailure)}


def said(node: ast.expr, module: ModuleType) -> str:
    """The words of an expression; what is only known later is an ellipsis."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(said(each, module) for each in node.values)
    if isinstance(node, ast.FormattedValue):
        return said(node.value, module)
    known = getattr(module, ast.unparse(node), None)
    return known if isinstance(known, str) else "…"


def reasons_in(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Each place where a reason is made, and its words."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    classes = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    own = {
        call: base.id
        for each in classes
        if each.name in WORDED
        for base in each.bases
        if isinstance(base, ast.Name)
        for call in ast.walk(each)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
    }
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = own.get(call) or ast.unparse(call.func)
        if name not in TOLD or not call.args:
            continue
        position = 1 if name in WITH_REMEDY and len(call.args) > 1 else 0
        told = call.args[position]
        if ast.unparse(told) not in PASSED_ON:
            yield f"{module.__name__}:{call.lineno}", said(told, module)


def is_a_step(words: str) -> bool:
    *_, last = re.split(r"(?<=[.?!…]) ", words.strip())
    return last.split(" ")[0].rstrip(".,") in STEPS and last.endswith(".")


def test_every_reason_ends_with_a_next_step() -> None:
    found = {place: words for each in MODULES for place, words in reasons_in(each)}

    assert len(found) > 100
    assert {p: words for p, words in found.items() if not is_a_step(words)} == {}


@pytest.mark.parametrize(
    "words",
    [
        oci.AGAIN,
        distribution.TELL,
        overdue.INACTIVE,
        overdue.ABANDONED,
        overdue.NO_SCANNER,
        working.NOTHING_KNOWN,
        working.GONE,
        overdue.TOO_LATE,
        overdue.WORKERS_GONE,
    ],
)
def test_what_is_said_elsewhere_of_a_scan_without_a_result_does_too(words: str) -> None:
    assert is_a_step(words)


def test_a_reason_without_a_step_would_be_seen() -> None:
    assert not is_a_step("The layer is damaged.")
    assert not is_a_step("Something broke. It may be gone tomorrow.")
    assert is_a_step("The layer is damaged. Pull the image again.")
