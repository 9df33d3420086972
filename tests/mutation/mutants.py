"""The mutants of a module, and how a running process becomes one."""

import ast
import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

from tests.mutation.operators import Change, changes

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mutant:
    """A module with one change in one function, or in the SQL it keeps by name."""

    path: Path
    tree: ast.Module
    place: str
    owner: Definition | ast.Assign
    change: Change

    @property
    def name(self) -> str:
        """What it is called where survivors are explained: stable while the code is."""
        return f"{self.path.as_posix()} {self.place}: {self.change}"

    @property
    def lines(self) -> range | None:
        """The lines a test must reach to notice; None for any line of the module."""
        return None if isinstance(self.owner, ast.Assign) else self.change.lines

    def become(self) -> None:
        """Put the change into this process, for good."""
        compiled = self._compiled()
        module = sys.modules[".".join(self.path.with_suffix("").parts)]
        if isinstance(self.owner, ast.Assign):
            assert isinstance(self.change.instead, ast.Constant)
            setattr(module, self.place, self.change.instead.value)
            return
        for code in _codes(compiled):
            if _is_of(code, self.place):
                for function in _functions(module.__file__, code.co_qualname):
                    function.__code__ = code

    def _compiled(self) -> CodeType:
        _Swap(self.change.node, self.change.instead).visit(self.tree)
        ast.fix_missing_locations(self.tree)
        return compile(self.tree, self.path.absolute().as_posix(), "exec")


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is self.old:
            return ast.copy_location(self.new, node)
        return self.generic_visit(node)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _is_of(code: CodeType, place: str) -> bool:
    """Whether it is a function's own code, or that of one defined in it by name, which
    was handed out before."""
    inside = code.co_qualname.startswith(f"{place}.<locals>.")
    return code.co_qualname == place or (inside and not code.co_name.startswith("<"))


def _functions(file: str | None, name: str) -> list[FunctionType]:
    """Every function object made from this code, whatever decorates it."""
    return [
        each
        for each in gc.get_objects()
        if type(each) is FunctionType  # asks no lazy object what it is
        and each.__code__.co_qualname == name
        and each.__code__.co_filename == file
    ]


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(path.read_text())
    return [
        Mutant(path, tree, place, owner, change)
        for place, owner in _owners(tree.body, "")
        for statement in _statements(owner)
        for change in changes(statement)
    ]


def _owners(
    body: list[ast.stmt], inside: str
) -> Iterator[tuple[str, Definition | ast.Assign]]:
    for each in body:
        match each:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield inside + each.name, each
            case ast.ClassDef():
                yield from _owners(each.body, f"{inside}{each.name}.")
            case ast.Assign([ast.Name(name)], ast.Constant(str())) if not inside:
                yield name, each


def _statements(owner: Definition | ast.Assign) -> Iterator[ast.stmt]:
    if isinstance(owner, ast.Assign):
        yield owner
        return
    waiting: list[ast.AST] = list(owner.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.stmt):
            yield node
        waiting[:0] = list(ast.iter_child_nodes(node))
