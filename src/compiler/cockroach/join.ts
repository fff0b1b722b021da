import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';
import { aliased, eref, type FromItem, type ItemResolver } from './from-item.ts';
import { type Level, type Range, type RangeColumn, variable } from './level.ts';
import { node } from './nodes.ts';
import { operation } from './operators.ts';
import type { Resolver } from './resolver.ts';
import { UnresolvedError } from './unresolved.ts';

const kinds = ['JOIN_INNER', 'JOIN_LEFT', 'JOIN_FULL', 'JOIN_RIGHT'];
const full = 2;
const right = 3;

/** A join. Columns of USING and NATURAL are one: the left's, the right's of a RIGHT JOIN, either's of a FULL. */
export function joinItem(
  resolver: Resolver,
  raw: RawNode,
  level: Level,
  before: readonly Range[],
  item: ItemResolver,
): FromItem {
  const jointype = kinds.indexOf(text(raw, 'jointype'));
  if (jointype < 0) throw new UnresolvedError(`a join of kind ${text(raw, 'jointype')}`);
  const larg = item(child(raw, 'larg') ?? {}, level, before);
  const rarg = item(child(raw, 'rarg') ?? {}, level, [...before, larg.range]);
  const merged = mergedNames(raw, larg.range, rarg.range);
  const pairs = merged.map((name) => [columnOf(larg.range, name), columnOf(rarg.range, name)] as const);
  const on = child(raw, 'quals');
  const quals = on
    ? level.seeing([larg.range, rarg.range], () => resolver.expression(on, level))
    : pairs.map((pair) =>
        operation(
          resolver.catalog,
          '=',
          pair.map((side) => variable(side, 0, 0)),
        ),
      );
  const rtindex = level.rtable.length + 1;
  const one = pairs.map(([a, b], i): RangeColumn => {
    if (jointype === full) return { name: a.name, varno: rtindex, attribute: i + 1, type: a.type };
    return jointype === right ? { ...b, name: a.name } : a;
  });
  const rest = [...larg.range.columns, ...rarg.range.columns].filter(
    ({ name }) => !merged.includes(name ?? ''),
  );
  const { alias, columns } = aliased(raw, '', [...one, ...rest]);
  level.add(
    node('RANGETBLENTRY', {
      rtekind: 2,
      jointype,
      joinaliasvars: pairs.map(([a, b]) =>
        node('COALESCEEXPR', { args: [variable(a, 0, 0), variable(b, 0, 0)] }),
      ),
      eref: eref(alias || 'unnamed_join', columns),
      inFromCl: true,
    }),
  );
  const tables = alias === '' ? [...larg.range.tables, ...rarg.range.tables] : [{ alias, columns }];
  return {
    node: node('JOINEXPR', { jointype, rtindex, larg: larg.node, rarg: rarg.node, quals: quals as TreeNode }),
    range: { tables, columns },
  };
}

function mergedNames(raw: RawNode, left: Range, right: Range): string[] {
  if (raw['isNatural'] !== true) return names(children(raw, 'usingClause'));
  const visible = (range: Range) => range.columns.filter((column) => !column.hidden);
  if ([...visible(left), ...visible(right)].some(({ name }) => name === undefined))
    throw new UnresolvedError('NATURAL JOIN over a column without a known name');
  const others = new Set(visible(right).map(({ name }) => name));
  return visible(left).flatMap(({ name }) => (name !== undefined && others.has(name) ? [name] : []));
}

function columnOf(range: Range, name: string): RangeColumn {
  const found = range.columns.filter((column) => column.name === name);
  if (found.length !== 1 || !found[0]) throw new UnresolvedError(`${name} of USING is not known`);
  return found[0];
}
