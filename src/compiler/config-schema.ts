import path from 'node:path';
import { z } from 'zod';
import { invalidOption, valueNamed } from '../base/index.ts';
import type { CompileTarget } from './config.ts';
import { camelCase } from './names.ts';
import { columnOverride as overrideOf } from './overrides.ts';

const typeOverride = z.strictObject({
  as: z.enum(['bigint', 'number', 'string', 'Date']).optional(),
  type: z.string().optional(),
  codec: z.string().optional(),
  zod: z.string().optional(),
  from: z.string().optional(),
});
const columnOverride = typeOverride.extend({
  nullable: z.boolean().optional(),
  dimensions: z.int().min(1).max(6).optional(),
});
const many = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const target = z.strictObject({
  queries: many.describe('folders, files or patterns (src/**/*.sql)'),
  schema: many
    .default([])
    .describe(
      `folders or files, in order, and "holdfast", the library's own migrations; empty: the database of --url as it is`,
    ),
  out: z.string().describe('where modules go, one for each .sql file'),
  beside: z
    .string()
    .regex(/^(?:\.[\w-]+)*\.ts$/, 'no ending of a module, such as .queries.ts')
    .describe('ending of modules that stand beside their .sql files; out keeps what they share')
    .optional(),
  runtime: z.string().default('holdfast/runtime').describe('what modules import'),
  importExtension: z.enum(['.ts', '.js', '']).default('.ts').describe('between generated modules'),
  int8: z.enum(['bigint', 'number', 'string']).default('bigint').describe('what INT8 is'),
  timestamptz: z.enum(['Date', 'string']).default('Date').describe('what TIMESTAMPTZ is'),
  arrayElements: z
    .enum(['nullable', 'notnull'])
    .default('nullable')
    .describe('what elements are of which nothing is proved; notnull is checked'),
  dialect: z
    .enum(['auto', 'sqlc', 'pgtyped', 'typedsql'])
    .default('auto')
    .describe('how the query files are annotated'),
  zod: z.boolean().default(false).describe('write a module of zod schemas beside each module'),
  tableTypes: z
    .boolean()
    .default(false)
    .describe('one type for the rows of a table, for all queries that return whole rows of it'),
  rules: z.string().describe('a module with rules of your own: an array, exported by default').optional(),
  largeTables: z.array(z.string()).default([]).describe('tables of which a full scan is a warning'),
  hotTables: z
    .array(z.string())
    .default([])
    .describe('tables in which a key that grows with time is a warning'),
  rename: z
    .record(z.string(), z.string().regex(/^[\p{L}_$][\p{L}\p{N}_$]*$/u, 'no name of a field'))
    .default({}),
  overrides: z
    .strictObject({
      types: z.record(z.string(), typeOverride).default({}),
      columns: z.record(z.string(), columnOverride).default({}),
      queries: z.record(z.string(), z.record(z.string(), columnOverride)).default({}),
    })
    .prefault({}),
});

const config = z.strictObject({
  $schema: z.string().describe('for editors: ./node_modules/holdfast/config.schema.json').optional(),
  compile: z.array(target).min(1),
});

/** The JSON schema of the configuration, for editors: made of what the file is judged by. */
export const jsonSchema = () => z.toJSONSchema(config, { io: 'input' });

/** Throws MisuseError, one line, naming the field. */
export function parseConfig(text: string, name: string): readonly CompileTarget[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalidOption(name, `not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = config.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalidOption(`${name}: ${issue.path.join('.') || 'the whole'}`, issue.message);
  }
  const outs = parsed.data.compile.map(({ out }) => path.normalize(`${out}/`));
  const twice = outs.findIndex((out, i) => outs.indexOf(out) < i);
  if (twice >= 0)
    throw invalidOption(
      `${name}: compile.${twice}.out`,
      `compile.${outs.indexOf(outs[twice]!)} writes to ${parsed.data.compile[twice]!.out} too, and each run of one would delete what the other wrote: give each a folder of its own`,
    );
  return parsed.data.compile.map(({ overrides, ...rest }) => ({
    ...rest,
    source: { path: name, text },
    fieldOf: (column) => (Object.hasOwn(rest.rename, column) ? rest.rename[column]! : camelCase(column)),
    types: overrides.types,
    columns: overrides.columns,
    queriesOverrides: overrides.queries,
    overrideFor(query, column, origin) {
      const byQuery = valueNamed(valueNamed(overrides.queries, query) ?? {}, column);
      if (byQuery) return byQuery;
      return origin === undefined ? undefined : overrideOf(overrides.columns, origin);
    },
  }));
}
