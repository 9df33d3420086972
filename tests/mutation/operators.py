"""The changes a mutant makes: one of them, at one place, each a slip of a programmer.

That every statement keeps to its account is another test's subject, and a lock shows
between processes only, so neither is taken away here.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import ndiff
from typing import Any

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# What is told of a longer text is how it differs.
LONG = 160
CONDITIONS = {"filter", "exclude", "get", "update", "create", "get_or_create"}
STEPS = {"filter", "exclude", "order_by", "distinct"}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
IS_SQL = re.compile(r"\b(SELECT|UPDATE|INSERT INTO|DELETE FROM|WHERE|JOIN)\b")
# What is looked for in SQL and what is put in its place.
SQL = [
    (re.compile(looked_for), instead)
    for looked_for, instead in [
        (r" <= ", " < "),
        (r" < ", " <= "),
        (r" >= ", " > "),
        (r" > ", " >= "),
        (r" \+ ", " - "),
        (r" - ", " + "),
        (r"\bleast\(", "greatest("),
        (r"\bgreatest\(", "least("),
        (r"\bsum\(", "max("),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"\bIS NULL\b", "IS NOT NULL"),
        (r"\bNOT (?=EXISTS|busy|is_)", ""),
        (r"\bAND (?!\w*\.?account_id)[^\n]+?(?=\s+AND\b|\n|$)", ""),
        (r"\bOR [^\n]+?(?=\s+OR\b|\n|$)", ""),
        (r" DESC\b", ""),
        (r"\bELSE 0\b", "ELSE 1"),
        (r"\bTHEN 0\b", "THEN 1"),
        (r"(?<=[ (])'(?:[a-z]+)'", "'other'"),
    ]
]


@dataclass(frozen=True)
class Change:
    """One node of a module's tree, what stands there instead, and the statement."""

    statement: ast.stmt
    node: ast.AST
    instead: ast.AST

    @property
    def lines(self) -> range:
        """The lines a test must reach to notice."""
        last = getattr(self.node, "end_lineno", None) or self.statement.lineno
        return range(self.statement.lineno, last + 1)

    def __str__(self) -> str:
        before, after = _shown(self.node), _shown(self.instead)
        if len(before) < LONG and "\n" not in before:
            return f"{before} → {after}"
        lines = ndiff(before.splitlines(), after.splitlines())
        told = (" ".join(line.split()) for line in lines if line[:1] in "+-")
        return " ".join(told)


def _shown(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.unparse(node)


def changes(statement: ast.stmt) -> Iterator[Change]:
    """Each change to this statement itself, not to those inside it."""
    for instead in _of_statement(statement):
        yield Change(statement, statement, instead)
    for node in _own(statement):
        for instead in _of_expression(node):
            yield Change(statement, node, instead)


def _own(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement, outside annotations."""
    waiting = [
        child
        for name, value in ast.iter_fields(statement)
        if name not in {"annotation", "decorator_list", "returns", "args"}
        for child in (value if isinstance(value, list) else [value])
    ]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.expr):
            yield node
        if isinstance(node, ast.AST) and not isinstance(node, ast.stmt):
            waiting[:0] = ast.iter_child_nodes(node)


def _of_statement(node: ast.stmt) -> Iterator[ast.AST]:
    if _is_act(node) or isinstance(node, ast.Raise | ast.Continue):
        yield ast.Pass()
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
        yield ast.AugAssign(node.target, _swapped(node.op), node.value)
    if isinstance(node, ast.If) and not isinstance(node.test, ast.Compare):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)


def _is_act(node: ast.stmt) -> bool:
    """Whether it calls something for its effect, other than a lock."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(attr=name))):
            return not name.startswith("lock")
        case ast.Expr(ast.Call()):
            return True
    return False


def _swapped(operator: ast.AST) -> Any:
    return SWAPS[type(operator)]()


def _of_expression(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(_swapped(operator), values)
            for at in range(len(values)):
                kept = values[:at] + values[at + 1 :]
                yield ast.BoolOp(operator, kept) if len(kept) > 1 else kept[0]
        case ast.Constant(value):
            yield from (ast.Constant(other) for other in _of_value(value))
        case ast.Call():
            yield from _of_call(node)
        case _:
            yield from _of_operation(node)


def _of_operation(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left, [operator], operands):
            yield ast.Compare(left, [_swapped(operator)], operands)
        case ast.BinOp(left, operator, right) if type(operator) in SWAPS:
            yield ast.BinOp(left, _swapped(operator), right)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)


def _of_value(value: object) -> Iterator[bool | int | str]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str) and IS_SQL.search(value):
        yield from _of_sql(value)


def _of_call(node: ast.Call) -> Iterator[ast.AST]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in NAMES:
        yield ast.Call(
            ast.Name(NAMES[function.id], ast.Load()), node.args, node.keywords
        )
    if not isinstance(function, ast.Attribute):
        return
    if function.attr in CONDITIONS and len(node.args) + len(node.keywords) > 1:
        for at, keyword in enumerate(node.keywords):
            if keyword.arg and not keyword.arg.startswith("account"):
                rest = node.keywords[:at] + node.keywords[at + 1 :]
                yield ast.Call(function, node.args, rest)
        for at in range(len(node.args)):
            yield ast.Call(
                function, node.args[:at] + node.args[at + 1 :], node.keywords
            )
    elif function.attr in STEPS and not (
        _is_manager(function.value) or _is_of_account(node)
    ):
        yield function.value


def _is_manager(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "objects"


def _is_of_account(node: ast.Call) -> bool:
    names = [keyword.arg for keyword in node.keywords]
    return not node.args and names == ["account"]


def _of_sql(text: str) -> Iterator[str]:
    for looked_for, instead in SQL:
        for found in looked_for.finditer(text):
            yield text[: found.start()] + instead + text[found.end() :]
