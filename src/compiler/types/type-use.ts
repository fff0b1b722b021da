/** Choices of a configuration that bear on types. */
export interface TypeChoices {
  readonly int8: 'bigint' | 'number' | 'string';
  readonly timestamptz: 'Date' | 'string';
  /** What an element of an array column is taken for when nothing proves it. */
  readonly arrayElements: 'nullable' | 'notnull';
  /** Overrides by type name. */
  readonly types: Readonly<Record<string, TypeOverride>>;
}

/** A type given by hand: another choice of the compiler's, or a codec of the user's own. */
export interface TypeOverride {
  /** `bigint`, `number` or `string` for int8; `Date` or `string` for timestamptz, timestamp and date; `string` for anything. */
  readonly as?: string | undefined;
  /** TypeScript type, imported from `from` unless it is built in. */
  readonly type?: string | undefined;
  /** A `Codec` of that type, exported by `from`. */
  readonly codec?: string | undefined;
  /** A zod schema, exported by `from`: JSON is validated with it on the way in and out. */
  readonly zod?: string | undefined;
  readonly from?: string | undefined;
}

/** What generated code needs in order to use one type. */
export interface TypeUse {
  readonly ts: string;
  readonly codec: string;
  readonly zod: string;
  /** Names of the runtime used by `codec`, and types used by `ts`. */
  readonly runtime: readonly string[];
  readonly runtimeTypes: readonly string[];
  /** Types of the schema (enums, composites) that are declared in the shared module. */
  readonly shared: readonly SharedType[];
  /** Imports of the user's own: module to names; types marked. */
  readonly imports: readonly { readonly from: string; readonly name: string; readonly isType: boolean }[];
  /** An array whose elements may be null as it stands. */
  readonly elements?: TypeUse | undefined;
  /** JSON whose shape is known: declared apart, `SHAPE` in the codec stands for its name. */
  readonly json?: Shape | undefined;
}

/** A type that the schema defines, declared once in the output's `types.ts`. */
export interface SharedType {
  readonly name: string;
  readonly codecName: string;
  readonly sqlName: string;
  readonly kind: 'enum' | 'composite';
  readonly labels: readonly string[];
  readonly fields: readonly SharedField[];
}

/** A field of a composite type, by its name in TypeScript. */
export interface SharedField {
  readonly name: string;
  readonly use: TypeUse;
  /** The value is a row of a table, in which the column is NOT NULL. */
  readonly notNull: boolean;
}

/** A shape of JSON: leaves as TypeScript, as runtime expression, and as zod. */
export type Shape =
  | { readonly kind: 'leaf'; readonly ts: string; readonly shape: string; readonly zod: string }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [string, Shape])[] }
  | { readonly kind: 'array' | 'nullable'; readonly of: Shape };
