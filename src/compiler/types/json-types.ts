import { valueNamed } from '../../base/index.ts';
import type { Catalog } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { propertyName } from '../names.ts';
import { inputsOf } from '../nullability/aggregates.ts';
import type { Located, Prover } from '../nullability/prove.ts';
import { flag, functionName } from '../nullability/query-tree.ts';
import { constText, typeOf } from '../nullability/trusted-functions.ts';
import { arrayDimensions } from './array-dimensions.ts';
import { literal } from './resolve-type.ts';
import type { Shape, TypeChoices, TypeUse } from './type-use.ts';

const aggregates = new Set(['json_agg', 'jsonb_agg', 'json_agg_strict', 'jsonb_agg_strict']);
const objects = new Set(['json_build_object', 'jsonb_build_object']);
const arrays = new Set(['json_build_array', 'jsonb_build_array']);
const conversions = new Set(['to_json', 'to_jsonb', 'row_to_json', 'array_to_json']);
const jsonObject = 1;
const jsonArrayAggregate = 4;

const leaf = (ts: string, shape: string, zod: string): Shape => ({ kind: 'leaf', ts, shape, zod });
const any = leaf('unknown', 'jsonAny', 'z.unknown()');
const string = leaf('string', 'jsonString', 'z.string()');
const integer = leaf('number', 'jsonNumber', 'z.int()');
const float = leaf('number', 'jsonNumber', 'z.number()');
/** Built-in types that JSON has more than a string for. */
const scalar: Readonly<Record<string, Shape>> = {
  bool: leaf('boolean', 'jsonBoolean', 'z.boolean()'),
  int2: integer,
  int4: integer,
  float4: float,
  float8: float,
  numeric: leaf('string', 'jsonDigits', 'z.string()'),
  json: any,
  jsonb: any,
};
const int8Shapes = {
  bigint: leaf('bigint', 'jsonBigint', 'z.bigint()'),
  number: integer,
  string: leaf('string', 'jsonDigits', 'z.string()'),
};
const nullable = (of: Shape): Shape => (of === any || of.kind === 'nullable' ? of : { kind: 'nullable', of });
const isJsonType = (oid: number) => oid === 114 || oid === 3802;

/**
 * Reads the shape of JSON that a query builds with json_build_object, json_agg and their kin, of rows, arrays and
 * scalars, element types and nullability included. What it cannot read is `unknown`.
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

  /** The shape of an expression that gives JSON. */
  #built(outer: Located): Shape | undefined {
    const { node, scope } = this.#prover.follow(outer);
    const at = (inner: TreeNode): Located => ({ node: inner, scope });
    const args = nodesOf(node.fields['args']);
    switch (node.type) {
      case 'COALESCEEXPR': {
        // COALESCE(json_agg(...), '[]'): an empty array fits any array.
        const [first, ...rest] = args;
        const shape = first && this.#built(at(first));
        const empty = rest.every(
          (other) => /^\s*\[\s*\]\s*$/.test(constText(jsonConstant(other)) ?? '') || isEmptyJsonb(other),
        );
        return shape && empty && shape.kind === 'array' ? shape : undefined;
      }
      case 'RELABELTYPE':
      case 'COERCEVIAIO':
        return isNode(node.fields['arg']) && isJsonType(numberOf(node.fields['resulttype']))
          ? this.#built(at(node.fields['arg']))
          : undefined;
      case 'AGGREF':
        return this.#aggregated({ node, scope });
      case 'JSONCONSTRUCTOREXPR': {
        const { returning } = node.fields;
        if (!isNode(returning) || !isJsonType(numberOf(returning.fields['typid']))) return undefined;
        const kind = numberOf(node.fields['type']);
        if (kind === jsonObject) return this.#object(args.map(at));
        const call = node.fields['func'];
        return kind === jsonArrayAggregate && isNode(call) ? this.#aggregated(at(call)) : undefined;
      }
      case 'FUNCEXPR': {
        const name = functionName(this.#catalog, node);
        const [first] = args;
        if (objects.has(name) && !flag(node.fields['funcvariadic'])) return this.#object(args.map(at));
        if (arrays.has(name) && args.length === 0) return { kind: 'array', of: any };
        if (!conversions.has(name) || !first) return undefined;
        const shape = this.#shape(at(first));
        return shape === any ? undefined : shape;
      }
      default:
        return undefined;
    }
  }

  #aggregated(call: Located): Shape | undefined {
    const name = functionName(this.#catalog, call.node);
    const [input] = inputsOf(call.node);
    if (call.node.type !== 'AGGREF' || !aggregates.has(name) || !input) return undefined;
    const value = { ...call, node: input };
    return this.#prover.filtered(call.node.fields['aggfilter'], call, () => ({
      kind: 'array',
      of: name.endsWith('_strict') ? this.#shape(value) : this.#value(value),
    }));
  }

  /** Keys and values in turn. When a key stands there twice, the last value counts, as it does for readers of the document. */
  #object(args: readonly Located[]): Shape | undefined {
    const fields = new Map<string, Shape>();
    for (let i = 0; i < args.length; i += 2) {
      const key = constText(unwrap(args[i]!.node));
      const value = args[i + 1];
      if (key === undefined || !value) return undefined;
      fields.set(key, this.#value(value));
    }
    return { kind: 'object', fields: [...fields] };
  }

  #value(located: Located): Shape {
    const shape = this.#shape(located);
    return this.#prover.verdict(located).nullable ? nullable(shape) : shape;
  }

  /** What a value that is not null becomes in JSON. */
  #shape(located: Located): Shape {
    const built = this.#built(located);
    if (built) return built;
    const followed = this.#prover.follow(located);
    const { node, scope } = followed;
    const columns = this.#prover.rowColumns(followed);
    if (columns)
      return objectOf(
        columns.map(({ name, value, ...column }) => {
          const shape = this.#shape(value);
          return [name, column.nullable ? nullable(shape) : shape];
        }),
      );
    if (node.type === 'ROWEXPR') {
      const names = listOf(node.fields['colnames']).map(String);
      const args = nodesOf(node.fields['args']);
      if (names.length !== args.length || names.length === 0) return any;
      return objectOf(args.map((arg, i) => [names[i]!, this.#value({ node: arg, scope })]));
    }
    const type = typeOf(node) || typeOf(located.node);
    const notNull = this.#prover.elementsOf(located).nullable ? undefined : true;
    return this.#ofType(type, arrayDimensions(located, this.#prover, this.#catalog), notNull, node);
  }

  #ofType(oid: number, dimensions = 1, elementsNotNull?: boolean, node?: TreeNode): Shape {
    const type = this.#catalog.types.get(oid);
    switch (type?.kind) {
      case 'domain':
        return this.#ofType(type.base, dimensions, elementsNotNull);
      case 'enum': {
        const labels = type.labels.map(literal);
        const union = labels.join(' | ') || 'never';
        return leaf(
          union,
          `jsonLabel<${union}>()`,
          labels.length === 0 ? 'z.never()' : `z.enum([${labels.join(', ')}])`,
        );
      }
      case 'array': {
        const element = this.#ofType(type.element);
        const holes = !(elementsNotNull ?? this.#choices.arrayElements === 'notnull');
        let shape: Shape = { kind: 'array', of: holes ? nullable(element) : element };
        for (let n = 1; n < dimensions; n++) shape = { kind: 'array', of: shape };
        return shape;
      }
      case 'composite': {
        const columns = this.#catalog.tables.get(type.relation)?.columns ?? [];
        return objectOf(
          columns.map((column) => [column.name, nullable(this.#ofType(column.typeOid, column.dimensions))]),
        );
      }
      case 'range':
        return string;
      case 'pseudo':
        // A literal that nobody gave a type.
        return node?.type === 'CONST' && type.name === 'unknown' ? string : any;
      case 'base':
        // A type of an extension may have a cast to JSON of its own.
        if (type.schema !== 'pg_catalog') return type.name === 'citext' ? string : any;
        if (type.name === 'int8') return int8Shapes[this.#choices.int8];
        if (type.name === 'timestamptz' && this.#choices.timestamptz === 'Date')
          return leaf('Date', 'jsonDate', 'z.date()');
        return valueNamed(scalar, type.name) ?? string;
      default:
        return any;
    }
  }
}

/** Two columns of one name make no object that can be told. */
function objectOf(fields: readonly (readonly [string, Shape])[]): Shape {
  return new Set(fields.map(([name]) => name)).size === fields.length ? { kind: 'object', fields } : any;
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
