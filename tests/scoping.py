"""Whether a statement keeps each table of customers to one account, read off its SQL.

A table is kept to an account if ``account_id`` equals the account's key, in a condition
that always holds: directly, or through other tables of the same statement. An id alone
is not enough: what spreads tables over machines by account cannot know that it leads to
a row of the same one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp, parse_one

SCOPES = (exp.Select, exp.Update, exp.Delete)
ALWAYS = (exp.And, exp.Paren, exp.Where, exp.Join, exp.Tuple)
Node = tuple[int, str]


def unkept(
    sql: str, values: object, customers: Collection[str], account: int
) -> list[str]:
    """Which of the tables of customers this statement does not keep to the account."""
    tree = parse_one(filled(sql, values), dialect="postgres")
    return _Statement(tree, customers, account).unkept()


def filled(sql: str, values: object) -> str:
    """The statement with its values in it, as far as it matters here."""
    if isinstance(values, Mapping):
        return sql % {name: _literal(value) for name, value in values.items()}
    if isinstance(values, Sequence) and values:
        return sql % tuple(_literal(value) for value in values)
    return sql.replace("%%", "%")


def _literal(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)
    return "NULL" if value is None else "'…'"


class _Statement:
    """Sets of tables whose accounts are equal, grown by each equation."""

    def __init__(
        self, tree: exp.Expr, customers: Collection[str], account: int
    ) -> None:
        self.tree, self.account = tree, account
        self.parent: dict[Node, Node] = {}
        self.tables = {
            (id(_scope(table)), table.alias_or_name): table.name
            for table in tree.find_all(exp.Table)
        }
        self.wanted = {
            node: name
            for node, name in self.tables.items()
            if name in customers and not self._is_filled(node)
        }
        for left, right in self._equations():
            self._join(left, right)

    def unkept(self) -> list[str]:
        """The names, sorted."""
        kept = self._root(KEPT)
        return sorted(
            name for node, name in self.wanted.items() if self._root(node) != kept
        )

    def _is_filled(self, node: Node) -> bool:
        """Whether it is the table that an INSERT fills: its rows say whose they are."""
        return isinstance(self.tree, exp.Insert) and node[0] == id(self.tree)

    def _equations(self) -> Iterator[tuple[Node, Node]]:
        for equation in self.tree.find_all(exp.EQ):
            if _holds(equation):
                for left, right in _pairs(equation.left, equation.right):
                    yield from self._equation(left, right)
        for join in self.tree.find_all(exp.Join):
            if any(each.name == "account_id" for each in join.args.get("using") or ()):
                yield from self._using(join)
        for derived in self.tree.find_all(exp.Subquery, exp.CTE):
            yield from self._derived(derived)

    def _equation(self, left: exp.Expr, right: exp.Expr) -> Iterator[tuple[Node, Node]]:
        ends = [node for side in (left, right) if (node := self._node(side))]
        if len(ends) == 2:
            yield ends[0], ends[1]

    def _node(self, side: exp.Expr) -> Node | None:
        """A table's account, or the account itself."""
        side = side.unnest()
        while isinstance(side, exp.Cast):
            side = side.this
        if isinstance(side, exp.Literal):
            return KEPT if side.this == str(self.account) else None
        if not isinstance(side, exp.Column):
            return None
        node = self._table_of(side)
        wanted = "id" if self.tables.get(node or KEPT) == "accounts_account" else None
        return node if side.name in {"account_id", wanted} else None

    def _table_of(self, column: exp.Column) -> Node | None:
        scope: exp.Expr | None = _scope(column)
        while scope is not None:
            near = [n for n in self._names(scope) if n[1] == column.table]
            if not column.table:
                near = self._names(scope)
            if len(near) == 1 or (near and column.table):
                return near[0]
            scope = _scope(scope)
        return None

    def _names(self, scope: exp.Expr) -> list[Node]:
        derived = [
            (id(scope), each.alias)
            for each in scope.find_all(exp.Subquery)
            if each.alias and _scope(each) is scope
        ]
        return [node for node in self.tables if node[0] == id(scope)] + derived

    def _using(self, join: exp.Join) -> Iterator[tuple[Node, Node]]:
        names = self._names(_scope(join) or self.tree)
        yield from ((names[0], other) for other in names[1:])

    def _derived(self, derived: exp.Expr) -> Iterator[tuple[Node, Node]]:
        """What is selected from is as kept as what it selects."""
        inner = derived.this
        if not isinstance(inner, exp.Select) or not derived.alias:
            return
        for shown in inner.expressions:
            node = self._node(shown.this if isinstance(shown, exp.Alias) else shown)
            if shown.alias_or_name == "account_id" and node:
                yield node, (id(_scope(derived)), derived.alias)
                named = [n for n, name in self.tables.items() if name == derived.alias]
                yield from ((node, each) for each in named)

    def _root(self, node: Node) -> Node:
        while self.parent.get(node, node) != node:
            node = self.parent[node]
        return node

    def _join(self, left: Node, right: Node) -> None:
        self.parent[self._root(left)] = self._root(right)


KEPT: Node = (0, "")


def _scope(node: exp.Expr) -> exp.Expr | None:
    return node.find_ancestor(*SCOPES, exp.Insert)


def _holds(equation: exp.Expr) -> bool:
    """Whether it always holds: nothing but AND lies between it and its statement."""
    at = equation.parent
    while isinstance(at, ALWAYS):
        if isinstance(at, exp.Where | exp.Join):
            return True
        at = at.parent
    return False


def _pairs(left: exp.Expr, right: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    if isinstance(left, exp.Tuple) and isinstance(right, exp.Tuple):
        yield from zip(left.expressions, right.expressions, strict=False)
    else:
        yield left, right
