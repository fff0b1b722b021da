import { valueNamed } from '../../base/index.ts';
import type { Catalog, CatalogType } from '../engine/catalog.ts';
import { camelCase, free } from '../names.ts';
import { builtinTypes, typeChoices } from './builtin-types.ts';
import { type SharedName, sharedNames } from './shared-names.ts';
import type { SharedType, TypeChoices, TypeOverride, TypeUse } from './type-use.ts';

function quote(text: string): string {
  return text.includes("'") && !text.includes('"')
    ? `"${text.replaceAll('\\', '\\\\')}"`
    : `'${text.replace(/[\\']/g, '\\$&')}'`;
}

export function literal(text: string): string {
  return quote(text).replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}

const plain = (ts: string, codec: string, zod: string, runtimeTypes: readonly string[] = []): TypeUse => ({
  ts,
  codec,
  zod,
  runtime: [codec.replace(/\(.*$/s, '')],
  runtimeTypes,
  shared: [],
  imports: [],
});

/** Qualified unless it is where names are found anyway. */
export function typeName(type: CatalogType): string {
  return type.schema === 'pg_catalog' || type.schema === 'public' ? type.name : `${type.schema}.${type.name}`;
}

/** Resolves types of one database under one configuration, the same object for the same question. */
export class TypeResolver {
  readonly #catalog: Catalog;
  readonly #choices: TypeChoices;
  readonly #shared = new Map<string, SharedType>();
  readonly #names: ReadonlyMap<number, SharedName>;

  constructor(catalog: Catalog, choices: TypeChoices) {
    this.#catalog = catalog;
    this.#choices = choices;
    this.#names = sharedNames(catalog);
  }

  /** What a parameter takes: of JSON, whatever makes a document. */
  parameter(oid: number, typmod: number, elementsNotNull: boolean, dimensions: number): TypeUse {
    const use = this.resolve(oid, typmod, elementsNotNull, dimensions);
    if (use.codec !== 'jsonb') return use;
    return { ...use, ts: 'JsonValue', runtimeTypes: ['JsonValue'] };
  }

  /** An array whose elements have a type of their own, by an override. */
  arrayOf(element: TypeUse, elementsNotNull: boolean, dimensions: number): TypeUse {
    return arrayUse(element, elementsNotNull, dimensions);
  }

  /** A whole row of a table: what is NOT NULL in the table is not null in it. */
  row(oid: number): TypeUse | undefined {
    const type = this.#catalog.types.get(oid);
    return type?.kind === 'composite' ? this.#sharedUse(this.#composite(type, true)) : undefined;
  }

  /** `elementsNotNull`: what was proved or promised of the elements of an array; the configuration says it for those of which nothing was. */
  resolve(oid: number, typmod: number, elementsNotNull?: boolean, dimensions = 1): TypeUse {
    const type = this.#catalog.types.get(oid);
    if (!type) return plain('string', "textual('unknown')", 'z.string()');
    const override =
      valueNamed(this.#choices.types, typeName(type)) ?? valueNamed(this.#choices.types, type.name);
    if (override) return this.override(override, type.oid, typmod);
    switch (type.kind) {
      case 'array':
        return arrayUse(
          this.resolve(type.element, typmod),
          elementsNotNull ?? this.#choices.arrayElements === 'notnull',
          dimensions,
        );
      case 'enum':
        return this.#sharedUse(this.#enum(type));
      case 'composite':
        return this.#sharedUse(this.#composite(type, false));
      case 'domain':
        return this.resolve(type.base, type.baseTypmod, elementsNotNull, dimensions);
      default:
        return this.#builtin(type, typmod);
    }
  }

  override(override: TypeOverride, oid: number, typmod: number): TypeUse {
    const type = this.#base(oid);
    const name = type?.name ?? 'text';
    const from = override.from;
    if (override.codec && from) {
      const ts = override.type ?? `ReturnType<typeof ${override.codec}.decode>`;
      const imports = [{ from, name: override.codec, isType: false }];
      if (
        override.type &&
        /^[A-Z]\w*$/.test(override.type) &&
        !['Date', 'Uint8Array'].includes(override.type)
      )
        imports.push({ from, name: override.type, isType: true });
      return {
        ts,
        codec: override.codec,
        zod: 'z.any()',
        runtime: [],
        runtimeTypes: [],
        shared: [],
        imports,
      };
    }
    if (override.zod && from) {
      const ts = override.type ?? `OutputOf<typeof ${override.zod}>`;
      const base = this.#plainType(oid, typmod);
      const imports = [{ from, name: override.zod, isType: false }];
      if (override.type) imports.push({ from, name: override.type, isType: true });
      return {
        ts,
        codec: `validated(${base.codec}, ${override.zod})`,
        zod: override.zod,
        runtime: ['validated', ...base.runtime],
        runtimeTypes: override.type ? [] : ['OutputOf'],
        shared: base.shared,
        imports: [...imports, ...base.imports],
      };
    }
    const as = override.as ?? override.type ?? '';
    const choice = valueNamed(valueNamed(typeChoices, name) ?? {}, as);
    if (choice) return plain(choice.ts, choice.codec, choice.zod);
    if (as === 'string') return plain('string', textualCodec(name, type?.delimiter), 'z.string()');
    return this.#plainType(oid, typmod);
  }

  /** What a domain is over, or the type itself. */
  #base(oid: number): CatalogType | undefined {
    const type = this.#catalog.types.get(oid);
    return type?.kind === 'domain' ? this.#base(type.base) : type;
  }

  #plainType(oid: number, typmod: number): TypeUse {
    const type = this.#catalog.types.get(oid);
    if (type?.kind === 'domain') return this.#plainType(type.base, type.baseTypmod);
    if (type?.kind === 'array')
      return arrayUse(this.resolve(type.element, typmod), this.#choices.arrayElements === 'notnull', 1);
    return type ? this.#builtin(type, typmod) : plain('string', "textual('unknown')", 'z.string()');
  }

  #builtin(type: CatalogType, typmod: number): TypeUse {
    const { int8, timestamptz } = this.#choices;
    const chosen = {
      int8: typeChoices['int8']![int8],
      timestamptz: typeChoices['timestamptz']![timestamptz],
    };
    const known = valueNamed(chosen, type.name) ?? valueNamed(builtinTypes, type.name);
    if (!known) return plain('string', textualCodec(typeName(type), type.delimiter), 'z.string()');
    const length =
      (type.name === 'varchar' || type.name === 'bpchar') && typmod > 4 ? `.max(${typmod - 4})` : '';
    return plain(known.ts, known.codec, known.zod + length, known.ts === 'Interval' ? ['Interval'] : []);
  }

  #sharedUse(shared: SharedType): TypeUse {
    return {
      ts: shared.name,
      codec: shared.codecName,
      zod: `${shared.codecName}Schema`,
      runtime: [],
      runtimeTypes: [],
      shared: [shared],
      imports: [],
    };
  }

  #enum(type: CatalogType): SharedType {
    return this.#remember(type, `${type.oid}`, this.#names.get(type.oid)!.name, {
      kind: 'enum',
      labels: type.labels,
      fields: [],
    });
  }

  #composite(type: CatalogType, isRow: boolean): SharedType {
    const { name, value } = this.#names.get(type.oid)!;
    const key = `${type.oid} ${isRow || value === undefined ? 'row' : 'value'}`;
    const known = this.#shared.get(key);
    if (known) return known;
    const columns = this.#catalog.tables.get(type.relation)?.columns ?? [];
    const names = new Set<string>();
    return this.#remember(type, key, isRow ? name : (value ?? name), {
      kind: 'composite',
      labels: [],
      fields: columns.map((column) => {
        const name = free(camelCase(column.name) || column.name, names);
        return {
          name,
          use: this.resolve(column.typeOid, column.typmod, undefined, column.dimensions),
          notNull: isRow && column.notNull,
        };
      }),
    });
  }

  #remember(
    type: CatalogType,
    key: string,
    name: string,
    rest: Pick<SharedType, 'kind' | 'labels' | 'fields'>,
  ): SharedType {
    const known = this.#shared.get(key);
    if (known) return known;
    const codecName = `${name.charAt(0).toLowerCase()}${name.slice(1)}Codec`;
    const shared = { name, codecName, sqlName: typeName(type), ...rest };
    this.#shared.set(key, shared);
    return shared;
  }
}

const textualCodec = (name: string, delimiter = ',') =>
  `textual(${[name, ...(delimiter === ',' ? [] : [delimiter])].map(literal).join(', ')})`;

function arrayUse(element: TypeUse, notNull: boolean, dimensions: number): TypeUse {
  const wrap = element.ts.includes('|') || element.ts.includes(' ') ? `(${element.ts})` : element.ts;
  const codec = notNull ? 'arrayOf' : 'nullableArrayOf';
  let use = {
    ts: notNull ? `readonly ${wrap}[]` : `readonly (${element.ts} | null)[]`,
    codec: `${codec}(${element.codec})`,
    zod: notNull ? `z.array(${element.zod})` : `z.array(${element.zod}.nullable())`,
    runtime: [codec, ...element.runtime],
  };
  for (let n = 1; n < dimensions; n++)
    use = {
      ts: `readonly (${use.ts})[]`,
      codec: `nestedArrayOf(${use.codec})`,
      zod: `z.array(${use.zod})`,
      runtime: ['nestedArrayOf', ...use.runtime],
    };
  return { ...element, ...use, elements: element };
}
