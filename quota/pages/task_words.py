"""What a scan task is and what it found, in words, from the figures it keeps."""

from collections.abc import Sequence
from typing import NamedTuple

from quota.models import ScanTask
from quota.pages.words import plural
from quota.rules.lifecycle import TaskState, task_state

CATEGORY_WORDS = {
    "vulnerabilities": "vulnerabilities",
    "trojans": "trojans and viruses",
    "sensitive_data": "sensitive data",
}


class Drawn(NamedTuple):
    """A state as it is drawn: icon, word and colour."""

    word: str
    icon: str
    tone: str


def state_of(task: ScanTask, *, running: bool) -> TaskState:
    """The state that follows from the task's figures."""
    waiting = task.waiting_or_running
    return task_state(
        queued=waiting - 1 if running else waiting,
        running=int(running),
        settled=task.settled,
        released=task.released,
        stopped=task.stopped_at is not None,
    )


def drawn(task: ScanTask, *, running: bool) -> Drawn:
    """The task's state as the list and the page of the task draw it."""
    if task.undone_at:
        return Drawn("Undone", "undo-2", "")
    state = state_of(task, running=running)
    if state is TaskState.WAITING:
        return Drawn("Waiting", "clock", "")
    if state is TaskState.SCANNING:
        word = "Stopping" if task.stopped_at else "Scanning"
        return Drawn(word, "loader-circle", "run")
    if state is TaskState.STOPPED:
        return Drawn("Stopped", "square", "")
    return _finished(task)


def _finished(task: ScanTask) -> Drawn:
    if task.failed == task.images:
        return Drawn("Failed", "circle-x", "bad")
    if task.failed:
        return Drawn(f"Finished, {task.failed:,} failed", "triangle-alert", "warn")
    if not task.settled:
        return Drawn("Not started", "square", "")
    if task.released:
        return Drawn("Finished in part", "triangle-alert", "warn")
    return Drawn("Finished", "circle-check", "ok")


def ended_percent(task: ScanTask) -> int:
    """How much of the task has ended, in whole percents."""
    return (task.settled + task.released) * 100 // task.images


def asked_for(task: ScanTask) -> str:
    """The risk categories in words."""
    return listed([CATEGORY_WORDS[name] for name in task.categories])


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def found(task: ScanTask) -> tuple[str, str]:
    """What was found so far, and the rest of it in small."""
    if not task.settled:
        return "–", ""
    worst = [
        f"{count:,} {word}"
        for count, word in ((task.critical, "critical"), (task.high, "high"))
        if count
    ]
    rest = [
        words
        for count, words in (
            (task.trojans, plural(task.trojans, "trojan")),
            (task.sensitive, f"{task.sensitive:,} sensitive data"),
        )
        if count
    ]
    if not worst and not rest:
        return "No high risk", ""
    if not worst:
        return ", ".join(rest), ""
    return ", ".join(worst), ", ".join(rest)
