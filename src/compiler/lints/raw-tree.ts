/** Syntax trees of libpg-query are plain JSON: `{ SelectStmt: { targetList: [...] } }`. */
export type RawNode = Readonly<Record<string, unknown>>;

export function isRaw(value: unknown): value is RawNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(node: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isRaw(inner) ? inner[key] : undefined), node);
}

export function child(node: unknown, ...path: string[]): RawNode | undefined {
  const found = at(node, path);
  return isRaw(found) ? found : undefined;
}

export function children(node: unknown, ...path: string[]): RawNode[] {
  const found = at(node, path);
  return Array.isArray(found) ? found.filter(isRaw) : [];
}

export function text(node: unknown, ...path: string[]): string {
  const found = at(node, path);
  return typeof found === 'string' ? found : '';
}

/** Every node called `type` below (and with) `node`. */
export function find(node: unknown, type: string): RawNode[] {
  const found: RawNode[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isRaw(value))
      for (const key in value) {
        const inner = value[key];
        if (typeof inner !== 'object') continue;
        if (key === type && isRaw(inner)) found.push(inner);
        visit(inner);
      }
  };
  visit(node);
  return found;
}

/** Parts of a dotted name: `["public", "machine"]`. */
export function names(nodes: readonly RawNode[]): string[] {
  return nodes.map((node) => text(node, 'String', 'sval')).filter((name) => name !== '');
}

/** The last part of a column reference's name. */
export function columnName(node: RawNode | undefined): string | undefined {
  return node && names(children(node, 'ColumnRef', 'fields')).at(-1);
}

export function locationOf(node: RawNode | undefined): number | undefined {
  const found = node?.['location'];
  return typeof found === 'number' ? found : undefined;
}
