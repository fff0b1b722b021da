import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import type { KnownCte, Level } from './level.ts';
import { node } from './nodes.ts';
import { outputColumns } from './outputs.ts';
import type { Resolver } from './resolver.ts';
import { UnresolvedError } from './unresolved.ts';

/** Resolves a WITH clause into the level's CTEs. */
export function addCtes(resolver: Resolver, withClause: RawNode | undefined, level: Level): TreeNode[] {
  const recursive = withClause?.['recursive'] === true;
  return children(withClause, 'ctes').map((item) => {
    const cte = child(item, 'CommonTableExpr') ?? {};
    const ctename = text(cte, 'ctename');
    const renamed = names(children(cte, 'aliascolnames'));
    const body = child(cte, 'ctequery') ?? {};
    const known = (columns: KnownCte['columns']): KnownCte => ({
      name: ctename,
      columns: columns.map((column, i) => ({ ...column, name: renamed[i] ?? column.name })),
    });
    const cterecursive = recursive && mentions(body, ctename);
    if (cterecursive) level.ctes.push(known(firstTurn(resolver, body, level)));
    const ctequery = resolver.query(body, level);
    if (!cterecursive) level.ctes.push(known(outputColumns(ctequery, resolver.catalog)));
    return node('COMMONTABLEEXPR', { ctename, ctequery, cterecursive });
  });
}

/** Columns of a recursive CTE, from the arm that does not recur. */
function firstTurn(resolver: Resolver, body: RawNode, level: Level): KnownCte['columns'] {
  const first = child(body, 'SelectStmt', 'larg');
  if (!first || child(body, 'SelectStmt', 'withClause'))
    throw new UnresolvedError('a recursion of another form');
  return outputColumns(resolver.query({ SelectStmt: first }, level), resolver.catalog);
}

function mentions(value: unknown, relname: string): boolean {
  if (Array.isArray(value)) return value.some((item) => mentions(item, relname));
  if (typeof value !== 'object' || value === null) return false;
  const raw = value as RawNode;
  if (raw['relname'] === relname && raw['schemaname'] === undefined) return true;
  return Object.values(raw).some((inner) => mentions(inner, relname));
}
