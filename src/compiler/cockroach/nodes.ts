import type { TreeNode, TreeValue } from '../engine/node-tree.ts';

/** The compiler's own copy of the shapes that PostgreSQL prints: numbers and flags are text. */
export function node(type: string, fields: Readonly<Record<string, TreeValue | number | boolean>>): TreeNode {
  const entries = Object.entries(fields).map(([key, value]) => [
    key,
    typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
  ]);
  return { type, fields: Object.fromEntries(entries) as Record<string, TreeValue> };
}

/** An expression of which nothing is claimed, with what is in it, so that uses of parameters are seen. */
export function opaque(...args: readonly (TreeNode | undefined)[]): TreeNode {
  return node('OPAQUE', { args: args.filter((arg) => arg !== undefined) });
}

const textType = 25;

/** A text constant, in the bytes that PostgreSQL would print. */
export function textConstant(text: string): TreeNode {
  const bytes = [...Buffer.from(text), 0].map(String);
  return node('CONST', {
    consttype: textType,
    constlen: -2,
    constisnull: false,
    constvalue: [String(bytes.length), '[', ...bytes, ']'],
  });
}

export function constant(type: number, isNull = false): TreeNode {
  return node('CONST', { consttype: type, constlen: 0, constisnull: isNull, constvalue: [] });
}

export function targetEntry(expr: TreeNode, resno: number, resname: string | null): TreeNode {
  return node('TARGETENTRY', { expr, resno, resname, resjunk: false });
}
