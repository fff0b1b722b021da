import type { AnalyzedQuery } from '../analyzed.ts';
import type { SharedType, TypeUse } from '../types/type-use.ts';

/** Every type of the schema that these queries use, nested ones too, by name. */
export function sharedTypes(queries: readonly AnalyzedQuery[]): SharedType[] {
  const found = new Map<string, SharedType>();
  const add = (use: TypeUse): void => {
    for (const shared of use.shared) {
      if (found.has(shared.name)) continue;
      found.set(shared.name, shared);
      for (const field of shared.fields) add(field.use);
    }
  };
  for (const { params, columns, embeds, row } of queries) {
    for (const item of [...params, ...columns]) add(item.use);
    for (const use of [row, ...embeds.map((embed) => embed.row)]) if (use) add(use);
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The same, a composite behind what it is made of. */
export function inOrder(types: readonly SharedType[]): SharedType[] {
  const placed: SharedType[] = [];
  const place = (type: SharedType): void => {
    // By name: what came out of the cache is another object.
    if (placed.some(({ name }) => name === type.name)) return;
    for (const field of type.fields) for (const inner of field.use.shared) place(inner);
    placed.push(type);
  };
  types.forEach(place);
  return placed;
}
