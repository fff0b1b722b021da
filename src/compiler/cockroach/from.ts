import { valueNamed } from '../../base/index.ts';
import { nodesOf, type TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import { aliased, eref, type FromItem, reference, simpleRange } from './from-item.ts';
import { isScalar, recordColumns } from './functions.ts';
import { joinItem } from './join.ts';
import { findCte, type Level, type Range } from './level.ts';
import { node } from './nodes.ts';
import { outputColumns } from './outputs.ts';
import { relationItem } from './relation.ts';
import type { Resolver } from './resolver.ts';
import { UnresolvedError } from './unresolved.ts';

/** Resolves one item of FROM. `before` are the items to its left, which LATERAL ones may name. */
export function fromItem(resolver: Resolver, raw: RawNode, level: Level, before: readonly Range[]): FromItem {
  const relation = child(raw, 'RangeVar');
  if (relation) return cteItem(relation, level) ?? relationItem(resolver, relation, level);
  const join = child(raw, 'JoinExpr');
  if (join) return joinItem(resolver, join, level, before, (...item) => fromItem(resolver, ...item));
  const subquery = child(raw, 'RangeSubselect');
  if (subquery) return subqueryItem(resolver, subquery, level, before);
  const call = child(raw, 'RangeFunction');
  if (call) return functionItem(resolver, call, level, before);
  throw new UnresolvedError('an item of FROM that is not known');
}

function cteItem(raw: RawNode, level: Level): FromItem | undefined {
  if (text(raw, 'schemaname') !== '') return undefined;
  const name = text(raw, 'relname');
  const found = findCte(level, name);
  if (!found) return undefined;
  const varno = level.rtable.length + 1;
  const { alias, columns } = aliased(
    raw,
    name,
    found.cte.columns.map((column, i) => ({ ...column, varno, attribute: i + 1 })),
  );
  level.add(
    node('RANGETBLENTRY', {
      rtekind: 6,
      ctename: name,
      ctelevelsup: found.up,
      eref: eref(alias, columns),
      inFromCl: true,
    }),
  );
  return { node: reference(varno), range: simpleRange(alias, columns) };
}

function subqueryItem(resolver: Resolver, raw: RawNode, level: Level, before: readonly Range[]): FromItem {
  const query = level.seeing(raw['lateral'] === true ? before : [], () =>
    resolver.query(child(raw, 'subquery') ?? {}, level),
  );
  const varno = level.rtable.length + 1;
  const outputs = outputColumns(query, resolver.catalog).map((column, i) => ({
    ...column,
    varno,
    attribute: i + 1,
  }));
  const { alias, columns } = aliased(raw, '', outputs);
  level.add(
    node('RANGETBLENTRY', { rtekind: 1, subquery: query, eref: eref(alias, columns), inFromCl: true }),
  );
  return { node: reference(varno), range: simpleRange(alias, columns) };
}

function functionItem(resolver: Resolver, raw: RawNode, level: Level, before: readonly Range[]): FromItem {
  const calls = children(raw, 'functions').map((item) => children(item, 'List', 'items')[0]);
  const call = calls[0];
  if (calls.length !== 1 || !call) throw new UnresolvedError('ROWS FROM');
  const name = names(children(call, 'FuncCall', 'funcname')).at(-1) ?? '';
  const funcexpr = level.seeing(before, () => resolver.expression(call, level));
  const given = names(
    children(raw, 'coldeflist').map((item) => ({ String: { sval: text(item, 'ColumnDef', 'colname') } })),
  );
  const args = children(call, 'FuncCall', 'args').length;
  const alias = text(raw, 'alias', 'aliasname');
  const own =
    given.length > 0
      ? given
      : (valueNamed(recordColumns, name) ??
        (name === 'unnest' && args > 1 ? Array.from({ length: args }, () => name) : undefined) ??
        (isScalar(name) ? [alias || name] : undefined));
  if (!own || raw['coldeflist'] !== undefined)
    throw new UnresolvedError(`the columns of ${name}() are not known`);
  const varno = level.rtable.length + 1;
  const withOrdinality = raw['ordinality'] === true;
  const base = [...own, ...(withOrdinality ? ['ordinality'] : [])].map((column, i) => ({
    name: column,
    varno,
    attribute: i + 1,
    type: withOrdinality && i === own.length ? 20 : 0,
  }));
  const item = aliased(raw, name, base);
  level.add(
    node('RANGETBLENTRY', {
      rtekind: 3,
      functions: columnsApart(name, funcexpr, own.length),
      funcordinality: withOrdinality,
      eref: eref(item.alias, item.columns),
      inFromCl: true,
    }),
  );
  return { node: reference(varno), range: simpleRange(item.alias, item.columns) };
}

/** `unnest(a, b)` is a function for each column, as PostgreSQL takes it. */
function columnsApart(name: string, call: TreeNode, columns: number): TreeNode[] {
  const args = nodesOf(call.fields['args']);
  const apart = name === 'unnest' && args.length === columns;
  return (apart ? args : [undefined]).map((arg) =>
    node('RANGETBLFUNCTION', {
      funcexpr: arg ? { ...call, fields: { ...call.fields, args: [arg] } } : call,
      funccolcount: apart ? 1 : columns,
    }),
  );
}
