import { planNodes } from '../plan.ts';
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

/**
 * A retrieval without LIMIT whose order no index gives: each claim sorts all candidates, to take a few. Where an index
 * gives the order, a claim stops at what it takes.
 */
export const sortedClaim: Lint = {
  code: 'HL012',
  hint: 'give it an index in its order (WHERE columns that are compared first, then ORDER BY), or LIMIT the candidates in a subquery',
  *check({ retrievalPlan }) {
    if (!retrievalPlan) return;
    for (const node of planNodes(retrievalPlan))
      if (node['Node Type'] === 'Sort') {
        yield {
          message: 'without LIMIT, and without an index in its order, each claim sorts every candidate',
        };
        return;
      }
  },
};
