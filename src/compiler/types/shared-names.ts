import type { Catalog, CatalogType } from '../engine/catalog.ts';
import { free, pascalCase } from '../names.ts';

/** How an enum or a composite type is called in TypeScript. */
export interface SharedName {
  readonly name: string;
  /** The name for values of a table's row type that are no rows of the table, so that any field may be null. */
  readonly value: string | undefined;
}

/** Names that mean something else to readers of the module, or to the module itself. */
const taken = new Set(
  `Array ArrayBuffer BigInt Boolean Buffer Date Error Function Infinity Iterable Iterator JSON Map Math NaN Number Object
  Partial Pick Promise Proxy Readonly Record Reflect RegExp ReturnType Set String Symbol Uint8Array WeakMap WeakSet`.split(
    /\s+/,
  ),
);

const known = new WeakMap<Catalog, ReadonlyMap<number, SharedName>>();

/**
 * A name for every enum and composite type of a database, each its own: `"My Type"` beside `my_type` is `MyType2`. Enums
 * come first, then composite types, then tables; in `public` before elsewhere; names that need no quotes before others.
 */
export function sharedNames(catalog: Catalog): ReadonlyMap<number, SharedName> {
  const names = known.get(catalog) ?? makeNames(catalog);
  known.set(catalog, names);
  return names;
}

function makeNames(catalog: Catalog): Map<number, SharedName> {
  const shared = [...catalog.types.values()].filter(({ kind }) => kind === 'enum' || kind === 'composite');
  const sameName = Map.groupBy(shared, ({ name }) => name);
  const isTable = ({ relation }: CatalogType) =>
    relation !== 0 && catalog.tables.get(relation)?.kind !== 'composite';
  const rank = (type: CatalogType) =>
    [
      type.kind === 'enum' ? 0 : isTable(type) ? 2 : 1,
      type.schema === 'public' ? 0 : 1,
      /^[a-z][a-z0-9_]*$/.test(type.name) ? 0 : 1,
      type.schema,
      type.name,
    ] as const;
  const order = shared
    .map((type) => ({ type, rank: rank(type) }))
    .sort((a, b) => {
      const i = a.rank.findIndex((part, k) => part !== b.rank[k]);
      return i < 0 ? 0 : a.rank[i]! < b.rank[i]! ? -1 : 1;
    });
  const used = new Set(taken);
  const found = new Map<number, SharedName>();
  for (const { type } of order) {
    const several = sameName.get(type.name)!.length > 1 && type.schema !== 'public';
    const name = free(pascalCase(several ? `${type.schema}_${type.name}` : type.name) || 'Unnamed', used);
    const columns = catalog.tables.get(type.relation)?.columns ?? [];
    const value =
      isTable(type) && columns.some(({ notNull }) => notNull) ? free(`${name}Value`, used) : undefined;
    found.set(type.oid, { name, value });
  }
  return found;
}
