"""Where a file can be changed by one small mistake, and the file with it: Python by its tree, SQL by its words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

FLIPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add}
SQL = re.compile(r"\b(select|insert into|update|delete from|where|join)\b")
WORDS = (
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" <> ", " = "),
    (r"(?<=\w) = (?='|\?)", " <> "),
    (r" and ", " or "), (r" or ", " and "), (r"\bnot exists\b", "exists"), (r"\bnot in\b", "in"),
    (r"\bis null\b", "is not null"), (r"\bis not null\b", "is null"), (r" desc\b", " asc"), (r"\bmin\(", "max("),
    (r"\bmax\(", "min("), (r"\bleft join\b", "inner join"), (r"\bfull join\b", "left join"),
    (r"\bunion all\b", "union"), (r"\bis distinct from\b", "="), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\+ 1\b", "+ 2"))


@dataclass(frozen=True, slots=True)
class Site:
    """One possible mistake."""

    line: int
    what: str
    number: int


class _Mutator(ast.NodeTransformer):
    """Counts the places as it walks, and changes the one of `target`."""

    def __init__(self, target: int | None = None) -> None:
        self._target = target
        self.sites: list[Site] = []

    def _here(self, node: ast.AST, what: str) -> bool:
        number = len(self.sites)
        self.sites.append(Site(getattr(node, "lineno", 0), what, number))
        return number == self._target

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        for place, operator in enumerate(node.ops):
            other = FLIPS[type(operator)]
            if self._here(node, f"{ast.unparse(node)}: {type(operator).__name__} → {other.__name__}"):
                node.ops[place] = other()  # type: ignore[call-overload]
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if self._here(node, f"{ast.unparse(node)}: and ↔ or"):
            node.op = FLIPS[type(node.op)]()  # type: ignore[assignment]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        is_text = any(isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str)
                      for side in (node.left, node.right))
        if type(node.op) in FLIPS and not is_text and self._here(node, f"{ast.unparse(node)}: + ↔ -"):
            node.op = FLIPS[type(node.op)]()  # type: ignore[assignment]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._here(node, f"{ast.unparse(node)}: not dropped"):
            return node.operand
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if self._here(node, f"if {ast.unparse(node.test)}: never"):
            node.test = ast.Constant(value=False)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant):
            return node  # a docstring
        self.generic_visit(node)
        if isinstance(node.value, ast.Call) and self._here(node, f"{ast.unparse(node)[:70]}: not called"):
            return ast.copy_location(ast.Pass(), node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, bool):
            if self._here(node, f"{value} → {not value}"):
                return ast.copy_location(ast.Constant(value=not value), node)
        elif isinstance(value, int | float) and self._here(node, f"{value} → {value + 1}"):
            return ast.copy_location(ast.Constant(value=value + 1), node)
        elif isinstance(value, str) and SQL.search(value):
            for pattern, other in WORDS:
                for found in re.finditer(pattern, value):
                    line = value[value.rfind("\n", 0, found.start()) + 1:].split("\n")[0].strip()
                    if self._here(node, f"SQL «{line[:90]}»: {found[0].strip()} → {other.strip()}"):
                        return ast.copy_location(
                            ast.Constant(value=value[:found.start()] + other + value[found.end():]), node)
        return node


def sites(source: str) -> list[Site]:
    """Every possible mistake of a file."""
    mutator = _Mutator()
    mutator.visit(ast.parse(source))
    return mutator.sites


def mutated(source: str, number: int) -> ast.Module:
    """The file with one of them."""
    tree: ast.Module = _Mutator(number).visit(ast.parse(source))
    return ast.fix_missing_locations(tree)


def drawn(found: dict[str, list[Site]], count: int, seed: str) -> Iterator[tuple[str, Site]]:
    """A sample over all files, the same for the same seed."""
    everything = [(path, site) for path, of_file in sorted(found.items()) for site in of_file]
    yield from Random(seed).sample(everything, min(count, len(everything)))
