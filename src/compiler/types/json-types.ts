import { valueNamed } from '../../base/index.ts';
import type { Catalog } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { propertyName } from '../names.ts';
import type { Located, Prover } from '../nullability/prove.ts';
import { constText, typeOf } from '../nullability/trusted-functions.ts';
import { literal, type TypeChoices, type TypeUse } from './resolve-type.ts';

/** A shape of JSON: leaves as TypeScript, as runtime expression, and as zod. */
export type Shape =
  | { readonly kind: 'leaf'; readonly ts: string; readonly shape: string; readonly zod: string }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [string, Shape])[] }
  | { readonly kind: 'array' | 'nullable'; readonly of: Shape };

const aggregates = new Set(['json_agg', 'jsonb_agg', 'json_agg_strict', 'jsonb_agg_strict']);
const objects = new Set(['json_build_object', 'jsonb_build_object']);
const arrays = new Set(['json_build_array', 'jsonb_build_array']);

const any: Shape = { kind: 'leaf', ts: 'unknown', shape: 'jsonAny', zod: 'z.unknown()' };
const scalar: Readonly<Record<string, Shape>> = {
  bool: { kind: 'leaf', ts: 'boolean', shape: 'jsonBoolean', zod: 'z.boolean()' },
  int2: { kind: 'leaf', ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
  int4: { kind: 'leaf', ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
  float4: { kind: 'leaf', ts: 'number', shape: 'jsonNumber', zod: 'z.number()' },
  float8: { kind: 'leaf', ts: 'number', shape: 'jsonNumber', zod: 'z.number()' },
  numeric: { kind: 'leaf', ts: 'string', shape: 'jsonDigits', zod: 'z.string()' },
  text: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  varchar: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  bpchar: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  uuid: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  date: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  timestamp: { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' },
};

/**
 * Reads the shape of JSON that a query builds with json_build_object, json_agg and their kin, element types
 * and nullability included. What it cannot read is `unknown`.
 */
export class JsonTypes {
  readonly #catalog: Catalog;
  readonly #choices: TypeChoices;
  readonly #prover: Prover;

  constructor(catalog: Catalog, choices: TypeChoices, prover: Prover) {
    this.#catalog = catalog;
    this.#choices = choices;
    this.#prover = prover;
  }

  /** The type of a JSON output, or undefined when nothing is known of its shape. */
  use(located: Located, type: 'json' | 'jsonb'): TypeUse | undefined {
    const shape = this.#built(located);
    if (!shape) return undefined;
    return {
      ts: 'unknown',
      codec: `jsonOf(${literal(type)}, SHAPE)`,
      zod: zodOf(shape),
      runtime: ['jsonOf', ...runtimeOf(shape)],
      runtimeTypes: [],
      shared: [],
      imports: [],
      json: shape,
    };
  }

  #name(node: TreeNode): string {
    const oid = numberOf(node.fields['funcid'] ?? node.fields['aggfnoid']);
    const known = this.#catalog.functions.get(oid);
    return known?.schema === 'pg_catalog' ? known.name : '';
  }

  #built(outer: Located): Shape | undefined {
    const { node, scope } = this.#prover.follow(outer);
    const at = (inner: TreeNode): Located => ({ node: inner, scope });
    const args = nodesOf(node.fields['args']);
    if (node.type === 'COALESCEEXPR') {
      // COALESCE(json_agg(...), '[]'): an empty array fits any array.
      const [first, ...rest] = args;
      const shape = first && this.#built(at(first));
      const empty = rest.every(
        (other) => /^\s*\[\s*\]\s*$/.test(constText(jsonConstant(other)) ?? '') || isEmptyJsonb(other),
      );
      return shape && empty && shape.kind === 'array' ? shape : undefined;
    }
    if (node.type === 'RELABELTYPE' || node.type === 'COERCEVIAIO')
      return isNode(node.fields['arg']) ? this.#built(at(node.fields['arg'])) : undefined;
    const name = this.#name(node);
    if (node.type === 'AGGREF' && aggregates.has(name)) {
      const input = args[0]?.fields['expr'];
      return isNode(input) ? { kind: 'array', of: this.#value(at(input)) } : undefined;
    }
    if (node.type !== 'FUNCEXPR') return undefined;
    if (objects.has(name) && node.fields['funcvariadic'] !== 'true') {
      const fields: [string, Shape][] = [];
      for (let i = 0; i < args.length; i += 2) {
        const key = constText(unwrap(args[i]!));
        const value = args[i + 1];
        if (key === undefined || value === undefined) return undefined;
        fields.push([key, this.#value(at(value))]);
      }
      return { kind: 'object', fields };
    }
    if (arrays.has(name) && args.length === 0) return { kind: 'array', of: any };
    if (name === 'to_jsonb' || name === 'to_json') {
      const shape = args[0] ? this.#scalar(args[0]) : any;
      return shape === any ? undefined : shape;
    }
    return undefined;
  }

  #value(located: Located): Shape {
    const shape = this.#built(located) ?? this.#scalar(located.node);
    if (shape === any || !this.#prover.verdict(located).nullable) return shape;
    return { kind: 'nullable', of: shape };
  }

  #scalar(node: TreeNode): Shape {
    const type = this.#catalog.types.get(typeOf(node));
    if (!type) return any;
    if (type.kind === 'enum') {
      const union = type.labels.map(literal).join(' | ');
      return {
        kind: 'leaf',
        ts: union || 'never',
        shape: `jsonLabel<${union || 'never'}>()`,
        zod: union === '' ? 'z.never()' : `z.enum([${type.labels.map(literal).join(', ')}])`,
      };
    }
    if (type.schema !== 'pg_catalog' || type.kind !== 'base') return any;
    if (type.name === 'int8')
      return {
        bigint: { kind: 'leaf' as const, ts: 'bigint', shape: 'jsonBigint', zod: 'z.bigint()' },
        number: { kind: 'leaf' as const, ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
        string: { kind: 'leaf' as const, ts: 'string', shape: 'jsonDigits', zod: 'z.string()' },
      }[this.#choices.int8];
    if (type.name === 'timestamptz')
      return this.#choices.timestamptz === 'Date'
        ? { kind: 'leaf', ts: 'Date', shape: 'jsonDate', zod: 'z.date()' }
        : { kind: 'leaf', ts: 'string', shape: 'jsonString', zod: 'z.string()' };
    return valueNamed(scalar, type.name) ?? any;
  }
}

/** The TypeScript type, one field a line. */
export function shapeTs(shape: Shape, indent: number): string {
  const pad = ' '.repeat(indent);
  switch (shape.kind) {
    case 'leaf':
      return shape.ts;
    case 'nullable':
      return `${shapeTs(shape.of, indent)} | null`;
    case 'array': {
      const inner = shapeTs(shape.of, indent);
      const union = shape.of.kind === 'nullable' || (shape.of.kind === 'leaf' && inner.includes('|'));
      return `readonly ${union || shape.of.kind === 'array' ? `(${inner})` : inner}[]`;
    }
    case 'object': {
      if (shape.fields.length === 0) return 'Record<string, never>';
      const fields = shape.fields.map(
        ([key, value]) => `${pad}  readonly ${propertyName(key)}: ${shapeTs(value, indent + 2)};\n`,
      );
      return `{\n${fields.join('')}${pad}}`;
    }
  }
}

/** The runtime's description of it. */
export function shapeCode(shape: Shape, indent: number): string {
  const pad = ' '.repeat(indent);
  if (shape.kind === 'leaf') return shape.shape;
  if (shape.kind === 'object') {
    if (shape.fields.length === 0) return 'jsonObject({})';
    const fields = shape.fields.map(
      ([key, value]) => `${pad}  ${propertyName(key)}: ${shapeCode(value, indent + 2)},\n`,
    );
    return `jsonObject({\n${fields.join('')}${pad}})`;
  }
  const wrapper = shape.kind === 'array' ? 'jsonArray' : 'jsonNullable';
  const flat = shapeCode(shape.of, indent);
  return flat.includes('\n')
    ? `${wrapper}(\n${pad}  ${shapeCode(shape.of, indent + 2)},\n${pad})`
    : `${wrapper}(${flat})`;
}

function zodOf(shape: Shape): string {
  switch (shape.kind) {
    case 'leaf':
      return shape.zod;
    case 'nullable':
      return `${zodOf(shape.of)}.nullable()`;
    case 'array':
      return `z.array(${zodOf(shape.of)})`;
    case 'object':
      return `z.object({ ${shape.fields.map(([key, value]) => `${propertyName(key)}: ${zodOf(value)}`).join(', ')} })`;
  }
}

function runtimeOf(shape: Shape): string[] {
  switch (shape.kind) {
    case 'leaf':
      return [shape.shape.replace(/<.*$/s, '')];
    case 'nullable':
      return ['jsonNullable', ...runtimeOf(shape.of)];
    case 'array':
      return ['jsonArray', ...runtimeOf(shape.of)];
    case 'object':
      return ['jsonObject', ...shape.fields.flatMap(([, value]) => runtimeOf(value))];
  }
}

function unwrap(node: TreeNode): TreeNode {
  return (node.type === 'RELABELTYPE' || node.type === 'COERCEVIAIO') && isNode(node.fields['arg'])
    ? unwrap(node.fields['arg'])
    : node;
}

/** JSON as text; on CockroachDB a constant is text until it is compared. */
const jsonConstant = (node: TreeNode) =>
  [114, 25].includes(numberOf(node.fields['consttype'])) ? node : undefined;

/** `'[]'::jsonb` is a container header for an array of no elements: 0x40000000. */
function isEmptyJsonb(node: TreeNode): boolean {
  if (node.type !== 'CONST' || numberOf(node.fields['consttype']) !== 3802) return false;
  const bytes = listOf(node.fields['constvalue'])
    .map(numberOf)
    .filter((n) => !Number.isNaN(n));
  return bytes.length === 9 && (bytes[8]! & 255) === 0x40 && bytes[5] === 0;
}
