import type { Catalog } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { propertyName } from '../names.ts';
import type { Verdict } from '../nullability/prove.ts';
import { constText, typeOf } from '../nullability/trusted-functions.ts';
import { literal, type TypeChoices, type TypeUse } from './resolve-type.ts';

/** A shape of JSON as TypeScript, as runtime expression, and as zod. */
interface Shape {
  readonly ts: string;
  readonly shape: string;
  readonly zod: string;
}

type Prove = (node: TreeNode) => Verdict;

const aggregates = new Set(['json_agg', 'jsonb_agg', 'json_agg_strict', 'jsonb_agg_strict']);
const objects = new Set(['json_build_object', 'jsonb_build_object']);
const arrays = new Set(['json_build_array', 'jsonb_build_array']);

const any: Shape = { ts: 'unknown', shape: 'jsonAny', zod: 'z.unknown()' };
const scalar: Readonly<Record<string, Shape>> = {
  bool: { ts: 'boolean', shape: 'jsonBoolean', zod: 'z.boolean()' },
  int2: { ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
  int4: { ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
  float4: { ts: 'number', shape: 'jsonNumber', zod: 'z.number()' },
  float8: { ts: 'number', shape: 'jsonNumber', zod: 'z.number()' },
  numeric: { ts: 'string', shape: 'jsonDigits', zod: 'z.string()' },
  text: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  varchar: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  bpchar: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  uuid: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  date: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
  timestamp: { ts: 'string', shape: 'jsonString', zod: 'z.string()' },
};

/**
 * Reads the shape of JSON that a query builds with json_build_object, json_agg and their kin, element types
 * and nullability included. What it cannot read is `unknown`.
 */
export class JsonTypes {
  readonly #catalog: Catalog;
  readonly #choices: TypeChoices;
  readonly #prove: Prove;

  constructor(catalog: Catalog, choices: TypeChoices, prove: Prove) {
    this.#catalog = catalog;
    this.#choices = choices;
    this.#prove = prove;
  }

  /** The type of a JSON output, or undefined when nothing is known of its shape. */
  use(node: TreeNode, type: 'json' | 'jsonb'): TypeUse | undefined {
    const shape = this.#built(node);
    if (!shape) return undefined;
    return {
      ts: shape.ts,
      codec: `jsonOf(${literal(type)}, ${shape.shape})`,
      zod: shape.zod,
      runtime: ['jsonOf', ...new Set(shape.shape.match(/\bjson[A-Z]\w*(?=[(,\s})]|$)/g) ?? [])],
      runtimeTypes: [],
      shared: [],
      imports: [],
    };
  }

  #name(node: TreeNode): string {
    const oid = numberOf(node.fields['funcid'] ?? node.fields['aggfnoid']);
    const known = this.#catalog.functions.get(oid);
    return known?.schema === 'pg_catalog' ? known.name : '';
  }

  #built(node: TreeNode): Shape | undefined {
    const args = nodesOf(node.fields['args']);
    if (node.type === 'COALESCEEXPR') {
      // COALESCE(json_agg(...), '[]'): an empty array fits any array.
      const [first, ...rest] = args;
      const shape = first && this.#built(first);
      const empty = rest.every(
        (other) => /^\s*\[\s*\]\s*$/.test(constText(jsonConstant(other)) ?? '') || isEmptyJsonb(other),
      );
      return shape && empty && shape.shape.startsWith('jsonArray(') ? shape : undefined;
    }
    if (node.type === 'RELABELTYPE' || node.type === 'COERCEVIAIO')
      return isNode(node.fields['arg']) ? this.#built(node.fields['arg']) : undefined;
    const name = this.#name(node);
    if (node.type === 'AGGREF' && aggregates.has(name)) {
      const input = args[0]?.fields['expr'];
      return isNode(input) ? this.#array(this.#value(input)) : undefined;
    }
    if (node.type !== 'FUNCEXPR') return undefined;
    if (objects.has(name) && node.fields['funcvariadic'] !== 'true') {
      const fields: [string, Shape][] = [];
      for (let i = 0; i < args.length; i += 2) {
        const key = constText(unwrap(args[i]!));
        if (key === undefined) return undefined;
        fields.push([key, this.#value(args[i + 1]!)]);
      }
      return object(fields);
    }
    if (arrays.has(name) && args.length === 0) return this.#array(any);
    if (name === 'to_jsonb' || name === 'to_json') {
      const shape = args[0] ? this.#scalar(args[0]) : any;
      return shape === any ? undefined : shape;
    }
    return undefined;
  }

  #array(element: Shape): Shape {
    const wrapped = /[|]/.test(element.ts) && !element.ts.startsWith('{') ? `(${element.ts})` : element.ts;
    return {
      ts: `readonly ${element.ts.endsWith(' | null') ? `(${element.ts})` : wrapped}[]`,
      shape: `jsonArray(${element.shape})`,
      zod: `z.array(${element.zod})`,
    };
  }

  #value(node: TreeNode): Shape {
    const shape = this.#built(node) ?? this.#scalar(node);
    if (shape === any || !this.#prove(node).nullable) return shape;
    return {
      ts: `${shape.ts} | null`,
      shape: `jsonNullable(${shape.shape})`,
      zod: `${shape.zod}.nullable()`,
    };
  }

  #scalar(node: TreeNode): Shape {
    const type = this.#catalog.types.get(typeOf(node));
    if (!type) return any;
    if (type.kind === 'enum') {
      const union = type.labels.map(literal).join(' | ');
      return {
        ts: 'string',
        shape: 'jsonString',
        zod: union === '' ? 'z.never()' : `z.enum([${type.labels.map(literal).join(', ')}])`,
      };
    }
    if (type.schema !== 'pg_catalog' || type.kind !== 'base') return any;
    if (type.name === 'int8')
      return {
        bigint: { ts: 'bigint', shape: 'jsonBigint', zod: 'z.bigint()' },
        number: { ts: 'number', shape: 'jsonNumber', zod: 'z.int()' },
        string: { ts: 'string', shape: 'jsonDigits', zod: 'z.string()' },
      }[this.#choices.int8];
    if (type.name === 'timestamptz')
      return this.#choices.timestamptz === 'Date'
        ? { ts: 'Date', shape: 'jsonDate', zod: 'z.date()' }
        : { ts: 'string', shape: 'jsonString', zod: 'z.string()' };
    return scalar[type.name] ?? any;
  }
}

function object(fields: readonly (readonly [string, Shape])[]): Shape {
  const join = (part: (shape: Shape) => string, prefix = '', separator = ', ') =>
    fields.map(([key, shape]) => `${prefix}${propertyName(key)}: ${part(shape)}`).join(separator);
  if (fields.length === 0)
    return { ts: 'Record<string, never>', shape: 'jsonObject({})', zod: 'z.object({})' };
  return {
    ts: `{ ${join((shape) => shape.ts, 'readonly ', '; ')} }`,
    shape: `jsonObject({ ${join((shape) => shape.shape)} })`,
    zod: `z.object({ ${join((shape) => shape.zod)} })`,
  };
}

function unwrap(node: TreeNode): TreeNode {
  return (node.type === 'RELABELTYPE' || node.type === 'COERCEVIAIO') && isNode(node.fields['arg'])
    ? unwrap(node.fields['arg'])
    : node;
}

const jsonConstant = (node: TreeNode) => (numberOf(node.fields['consttype']) === 114 ? node : undefined);

/** `'[]'::jsonb` is a container header for an array of no elements: 0x40000000. */
function isEmptyJsonb(node: TreeNode): boolean {
  if (node.type !== 'CONST' || numberOf(node.fields['consttype']) !== 3802) return false;
  const bytes = listOf(node.fields['constvalue'])
    .map(numberOf)
    .filter((n) => !Number.isNaN(n));
  return bytes.length === 9 && (bytes[8]! & 255) === 0x40 && bytes[5] === 0;
}
