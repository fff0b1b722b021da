import type { Catalog } from '../engine/catalog.ts';
import { typeName } from './resolve-type.ts';

/** A type as SQL calls it, arrays with `[]`. */
export function sqlTypeName(oid: number, { types }: Catalog): string {
  const type = types.get(oid);
  if (!type) return 'unknown';
  return type.kind === 'array' ? `${typeName(types.get(type.element) ?? type)}[]` : typeName(type);
}
