import { valueNamed } from '../../base/index.ts';
import type { Catalog, CatalogTable } from '../engine/catalog.ts';
import { isNode, nodesOf, numberOf, type TreeNode, type TreeValue } from '../engine/node-tree.ts';
import { childNodes } from '../nullability/query-tree.ts';
import { type PlanNode, planNodes } from '../plan.ts';
import type { Lint } from './lint.ts';

/**
 * An indexed column that is cast, by nobody's wish, before it is compared: `id = $1::numeric` compares
 * `id::numeric`, and the index on `id` cannot serve. The plan is the judge: the cast has to stand in a
 * condition that rows are filtered by, and not in one that an index answers.
 */
export const castOfIndexed: Lint = {
  code: 'HL007',
  hint: 'cast the other side to the type of the column',
  needsPlan: ({ tree }) => tree !== undefined && castsByItself(tree) && !castOperands(tree).next().done,
  *check({ query, catalog, plan }) {
    if (!query.tree || !plan) return;
    const seen = new Set<number>();
    const operands = [...castOperands(query.tree)];
    const { text, work } = query.engineQuery;
    const shift = work ? Buffer.byteLength(text.slice(0, text.indexOf(work.text))) : 0;
    for (const { table, column, type } of castInFilters(plan, catalog)) {
      if (!table.indexes.some((index) => index.columns[0] === column)) continue;
      const operand = operands.find((candidate) => displayName(catalog, candidate.type) === type);
      if (!operand || seen.has(operand.location)) continue;
      seen.add(operand.location);
      yield {
        message: `${table.name}.${column} is cast to ${type} before it is compared, so its index is not used`,
        location: operand.location - shift,
      };
    }
  },
};

/** Whether there is an implicit cast anywhere: asked of every query, so without making anything. */
function castsByItself(value: TreeValue): boolean {
  if (!isNode(value)) return Array.isArray(value) && value.some(castsByItself);
  if (value.type === 'FUNCEXPR' && value.fields['funcformat'] === '2') return true;
  for (const key in value.fields) {
    const inner = value.fields[key];
    if (typeof inner === 'object' && inner !== null && castsByItself(inner)) return true;
  }
  return false;
}

interface CastOperand {
  /** OID of what it is cast to. */
  readonly type: number;
  readonly location: number;
}

/** Columns of a comparison that the engine cast by a function. One that is only relabelled (varchar as text) keeps its index. */
function* castOperands(node: TreeNode): Generator<CastOperand> {
  if (node.type === 'OPEXPR' || node.type === 'SCALARARRAYOPEXPR')
    for (const arg of nodesOf(node.fields['args'])) {
      // funcformat 2 is an implicit cast; one that somebody wrote has its reasons.
      if (arg.type !== 'FUNCEXPR' || numberOf(arg.fields['funcformat']) !== 2) continue;
      const inner = nodesOf(arg.fields['args'])[0];
      if (inner?.type === 'VAR')
        yield { type: numberOf(arg.fields['funcresulttype']), location: numberOf(inner.fields['location']) };
    }
  for (const inside of childNodes(node)) yield* castOperands(inside);
}

interface CastInFilter {
  readonly table: CatalogTable;
  readonly column: string;
  readonly type: string;
}

const identifier = '"(?:[^"]|"")+"|[\\p{L}_][\\p{L}\\p{N}_$]*';
const cast = new RegExp(
  `\\((${identifier})\\.(${identifier})\\)::([a-z][a-z0-9_ ]*[a-z0-9])(?:\\([\\d,]+\\))?`,
  'gu',
);
const plain = (name: string) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);

/** What the plan casts in `((t.a)::numeric = $1)`, on either side, outside of index conditions. */
function* castInFilters(plan: PlanNode, catalog: Catalog): Generator<CastInFilter> {
  const tables = new Map<string, CatalogTable>();
  const all = [...catalog.tables.values()];
  for (const node of planNodes(plan)) {
    const { Alias: alias, 'Relation Name': name, Schema: schema } = node;
    const table = all.find((candidate) => candidate.name === name && candidate.schema === schema);
    if (typeof alias === 'string' && table) tables.set(alias, table);
  }
  for (const node of planNodes(plan))
    for (const key of ['Filter', 'Join Filter', 'Hash Cond', 'Merge Cond']) {
      const condition = node[key];
      if (typeof condition !== 'string') continue;
      for (const found of condition.matchAll(cast)) {
        const [text, alias = '', column = '', type = ''] = found;
        const before = condition.slice(0, found.index);
        const after = condition.slice(found.index + text.length);
        if (!/^\)? (=|<|>|<=|>=) /.test(after) && !/ (=|<|>|<=|>=) \(?$/.test(before)) continue;
        const table = tables.get(plain(alias));
        if (table) yield { table, column: plain(column), type };
      }
    }
}

const displayNames: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  varchar: 'character varying',
  bpchar: 'character',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
};

/** A type as PostgreSQL shows it in plans. */
function displayName(catalog: Catalog, oid: number): string | undefined {
  const name = catalog.types.get(oid)?.name;
  return name === undefined ? undefined : (valueNamed(displayNames, name) ?? name);
}
