import { hasName } from '../analysis/layout.ts';
import type { Lint } from './lint.ts';
import { child, children, locationOf, type RawNode } from './raw-tree.ts';

/** Columns that are called after their place, or numbered because another has their name. */
export const madeUpName: Lint = {
  code: 'HL013',
  hint: 'give each a name of its own with AS; where they come of a *, list the columns',
  *check({ query, statement, target }) {
    const made = query.columns.filter(({ name, field }) => !hasName(name) || field !== target.fieldOf(name));
    const [first] = made;
    if (!first) return;
    const fields = made.map(({ field }) => field).join(', ');
    const what = hasName(first.name)
      ? 'columns of one name are told apart as'
      : 'columns without a name are called';
    yield {
      message: `${what} ${fields}`,
      location: locationOf(itemOf(statement, query.columns.indexOf(first))),
    };
  },
};

/** The item of the select list that a column comes from; the first star where there is one. */
function itemOf(statement: RawNode, column: number): RawNode | undefined {
  const [kind = ''] = Object.keys(statement);
  let select = child(statement, kind);
  for (let left = child(select, 'larg'); left; left = child(left, 'larg')) select = left;
  const list = children(select, kind === 'SelectStmt' ? 'targetList' : 'returningList');
  const items = list.map((item) => child(item, 'ResTarget'));
  const star = items.find((item) =>
    children(item, 'val', 'ColumnRef', 'fields').some((part) => 'A_Star' in part),
  );
  return star ?? items[column];
}
