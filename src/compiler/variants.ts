import { statementText } from '../query/dynamic.ts';
import type { TreeNode } from './engine/node-tree.ts';
import { camelCase } from './names.ts';
import type { EngineQuery } from './source/engine-query.ts';

/** One form of a query with optional parts. */
export interface Variant {
  readonly text: string;
  /** Index of the parameter behind $1, $2, ... */
  readonly used: readonly number[];
  /** Says which form it is, for messages. */
  readonly label: string;
  readonly tree?: TreeNode | undefined;
}

/** Up to so many forms are prepared one by one; beyond, a covering set. */
const exhaustive = 64;

/**
 * Every form of a query that its function can build, except the whole one. Beyond the bound: each part
 * alone, all but each, none, and each pair; every order with all parts and with none.
 */
export function variantsOf(query: EngineQuery): Variant[] {
  const { parts } = query;
  if (!parts) return [];
  const optional = parts.filter((part) => typeof part === 'object' && 'when' in part);
  const order = parts.find((part) => typeof part === 'object' && 'order' in part);
  const orders = [
    undefined,
    ...Object.keys(order?.choices ?? {}).flatMap((column) => [
      { column, direction: 'asc' as const },
      { column, direction: 'desc' as const },
    ]),
  ];
  const names = query.params.map((param, i) => camelCase(param.name ?? `param${i + 1}`));
  const definition = {
    name: query.source.name,
    text: query.text,
    columns: [],
    params: names.map((name) => [name, { type: '', encode: () => '' }] as const),
    parts,
  };
  const all = 2 ** optional.length - 1;
  const found = new Map<string, Variant>();
  const add = (mask: number, orderBy: (typeof orders)[number]) => {
    const params: Record<string, unknown> = { orderBy };
    const chosen = optional.filter((_, i) => mask & (1 << i));
    for (const part of chosen) for (const i of part.when) params[names[i]!] = '';
    // A parameter shared by two parts brings both in: then this form cannot be built.
    const given = optional.filter((part) => part.when.every((i) => names[i]! in params));
    if (given.length !== chosen.length) return;
    const { text, used } = statementText(definition, params);
    const shown = chosen.map((part) => part.when.map((i) => names[i]).join('+')).join(', ');
    const label = `${shown === '' ? 'no optional part' : shown}${orderBy ? `, ordered by ${orderBy.column} ${orderBy.direction}` : ''}`;
    if (text !== query.text) found.set(text, { text, used, label });
  };
  if (optional.length < 16 && (all + 1) * orders.length <= exhaustive) {
    for (let mask = 0; mask <= all; mask++) for (const orderBy of orders) add(mask, orderBy);
  } else {
    for (const orderBy of orders) {
      add(0, orderBy);
      add(all, orderBy);
    }
    for (let i = 0; i < optional.length; i++) {
      add(1 << i, undefined);
      add(all & ~(1 << i), undefined);
      for (let k = 0; k < i; k++) add((1 << i) | (1 << k), undefined);
    }
  }
  return [...found.values()];
}
