import type { Lint } from './lint.ts';
import { child, children, find, locationOf, names, type RawNode, text } from './raw-tree.ts';

/** NOT IN over a subquery: a NULL in it makes no row pass, and no engine can plan it as a join. */
export const notInSubquery: Lint = {
  code: 'HL011',
  hint: 'write NOT EXISTS (SELECT 1 FROM ... WHERE ... = ...), which an index serves',
  *check({ statement }) {
    for (const sublink of negatedSublinks(statement))
      yield {
        message:
          'NOT IN (SELECT ...) looks through the whole subquery for each row, and passes none beside a NULL',
        location: locationOf(sublink),
      };
  },
};

/** `NOT (x IN (SELECT ...))` and `x <> ALL (SELECT ...)`. */
function negatedSublinks(statement: RawNode): RawNode[] {
  const negations = find(statement, 'BoolExpr').filter((node) => text(node, 'boolop') === 'NOT_EXPR');
  const negated = negations.flatMap((node) =>
    children(node, 'args')
      .map((arg) => child(arg, 'SubLink'))
      .filter((arg) => arg !== undefined),
  );
  return [
    ...negated.filter((sublink) => text(sublink, 'subLinkType') === 'ANY_SUBLINK'),
    ...find(statement, 'SubLink').filter(
      (sublink) =>
        text(sublink, 'subLinkType') === 'ALL_SUBLINK' &&
        names(children(sublink, 'operName')).at(-1) === '<>',
    ),
  ];
}

/** A retrieval that gives all candidates there are, for a claim that takes a few. */
export const unlimitedClaim: Lint = {
  code: 'HL012',
  hint: 'end it in LIMIT, a few times @wanted, behind an ORDER BY that an index gives',
  *check({ query }) {
    if (query.engineQuery.work?.command === 'claim' && query.engineQuery.work.limit !== undefined)
      yield { message: 'without LIMIT each claim looks at every candidate' };
  },
};
