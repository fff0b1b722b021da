import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { functionsByTrust, operatorsByTrust } from '../../src/compiler/cockroach/functions.ts';
import { testEngine } from '../support/database.ts';
import { type TextClient, textClient } from './support/executor.ts';

/** Values at the edges of each type. */
const samples: Readonly<Record<string, readonly string[]>> = {
  text: ["''", "'a,b'", "'5'", "'day'", "'hex'"],
  int8: ['0', '1', '-3'],
  int4: ['2'],
  int2: ['1'],
  float8: ["'NaN'", "'Infinity'", '0', '-1.5'],
  numeric: ["'NaN'", "'Infinity'", '0', '1.5'],
  bool: ['true', 'false'],
  bytea: ["''", "'\\x00ff'"],
  jsonb: ["'null'", "'[]'", "'[null, 1]'", `'{"a": null}'`, `'"a"'`],
  date: ["'infinity'", "'2026-01-02'"],
  time: ["'24:00:00'", "'01:02:03'"],
  timetz: ["'01:02:03+01'"],
  timestamp: ["'infinity'", "'2026-01-02 03:04:05'"],
  timestamptz: ["'-infinity'", "'2026-01-02 03:04:05Z'"],
  interval: ["'0s'", "'1 mon -2 days 03:00:00'"],
  uuid: ["'00000000-0000-4000-8000-000000000002'"],
  inet: ["'10.0.0.1/24'", "'::1'"],
  varbit: ["''", "'101'"],
  bit: ["'1'"],
  oid: ['1'],
  name: ["'a'"],
  geometry: ["'POINT EMPTY'", "'POINT(1 1)'"],
  box2d: ["'BOX(0 0,1 1)'"],
};

/** Arguments for what the catalog does not tell the types of, or that takes only certain values. */
const byHand: Readonly<Record<string, readonly (readonly string[])[]>> = {
  json_build_object: [["'a'", 'NULL']],
  jsonb_build_object: [["'a'", 'NULL'], []],
  convert_from: [["'\\x61'::bytea", "'utf8'"]],
  convert_to: [["'a'", "'latin1'"]],
  jsonb_set: [
    [`'{"a": null}'::jsonb`, "ARRAY['a']", "'null'::jsonb"],
    ["'{}'::jsonb", "ARRAY['b', 'c']", "'1'::jsonb", 'false'],
    ["'[]'::jsonb", 'ARRAY[]::text[]', "'1'::jsonb"],
  ],
  json_set: [[`'{"a": null}'::jsonb`, "ARRAY['a']", "'null'::jsonb"]],
  jsonb_insert: [
    [`'{"a": [1]}'::jsonb`, "ARRAY['a', '0']", "'null'::jsonb"],
    ["'[]'::jsonb", "ARRAY['0']", "'1'::jsonb", 'true'],
  ],
  array_append: [
    ["'{}'::int8[]", '1'],
    ["'{NULL}'::text[]", "'a'"],
  ],
  array_prepend: [['1', "'{}'::int8[]"]],
  array_cat: [["'{}'::int8[]", "'{}'::int8[]"]],
  array_remove: [
    ["'{}'::int8[]", '1'],
    ["'{1}'::int8[]", '1'],
    ["'{NULL}'::int8[]", '1'],
  ],
  array_replace: [["'{1}'::int8[]", '1', '2']],
};

function valuesOf(type: string): string[] {
  if (type === 'anyelement') return ['1', "'a'::text", "'null'::jsonb"];
  if (type === 'anyarray') return ["'{}'::int8[]", "'{1,NULL}'::int8[]", "'{NULL}'::text[]"];
  if (type.endsWith('[]')) {
    const element = type.slice(0, -2);
    return samples[element] ? [`'{}'::${type}`, `'{NULL}'::${type}`, `ARRAY[${valuesOf(element)[0]}]`] : [];
  }
  return (samples[type] ?? []).map((value) => `${value}::${type}`);
}

const nullOf = (type: string) =>
  type === 'anyelement' ? 'NULL::int8' : type === 'anyarray' ? 'NULL::int8[]' : `NULL::${type}`;

/** All choices of one value each, but not more than a few dozen. */
function choices(lists: readonly (readonly string[])[]): string[][] {
  let found: string[][] = [[]];
  for (const list of lists) found = found.flatMap((head) => list.map((value) => [...head, value]));
  const step = Math.max(1, Math.ceil(found.length / 24));
  return found.filter((_, i) => i % step === 0);
}

interface Overload {
  readonly name: string;
  readonly args: readonly string[];
}

let client: TextClient;
beforeAll(async () => {
  client = await textClient(inject('holdfast').url);
});
afterAll(() => client[Symbol.asyncDispose]());

async function rows(text: string): Promise<readonly (readonly (string | null)[])[]> {
  return (await client.execute({ text, values: [] })).rows;
}

/** `IS NULL` of what is called; undefined when these values are not taken. */
async function isNull(expression: string): Promise<boolean | undefined> {
  try {
    return /^t/.test((await rows(`SELECT (${expression}) IS NULL`))[0]?.[0] ?? '');
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

async function judge(
  overloads: readonly Overload[],
  strict: ReadonlySet<string>,
  call: (overload: Overload, values: readonly string[]) => string,
): Promise<{ readonly lies: string[]; readonly proven: Set<string> }> {
  const lies: string[] = [];
  const proven = new Set<string>();
  for (const overload of overloads) {
    const lists = overload.args.map(valuesOf);
    for (const values of choices(lists)) {
      const answer = await isNull(call(overload, values));
      if (answer !== undefined) proven.add(overload.name);
      if (answer) lies.push(`${call(overload, values)} is NULL`);
    }
    if (!strict.has(overload.name)) continue;
    for (const [i, type] of overload.args.entries()) {
      const values = lists.map((list, k) => (k === i ? nullOf(type) : list[0]!));
      if ((await isNull(call(overload, values))) === false)
        lies.push(`${call(overload, values)} is not NULL`);
    }
  }
  return { lies, proven };
}

test.runIf(testEngine() === 'cockroachdb')(
  'functions that are trusted give NULL for NULL alone, on every overload',
  async () => {
    const { never, strict, lenient } = functionsByTrust;
    const names = [...never, ...strict, ...lenient];
    const found = await rows(
      `SELECT p.proname, array_to_string(ARRAY(SELECT t::REGTYPE::TEXT FROM unnest(p.proargtypes) AS t), ',')
       FROM pg_catalog.pg_proc AS p WHERE p.proname IN (${names.map((name) => `'${name}'`).join(', ')})`,
    );
    const overloads = found.map(([name, args]) => ({
      name: name!,
      args: (args ?? '').split(',').filter((type) => type !== ''),
    }));
    const { lies, proven } = await judge(
      overloads,
      new Set(strict),
      ({ name }, values) => `${name}(${values.join(', ')})`,
    );
    for (const [name, calls] of Object.entries(byHand))
      for (const args of calls) {
        const call = (values: readonly string[]) => `${name}(${values.join(', ')})`;
        expect(await isNull(call(args)), call(args)).toBe(false);
        proven.add(name);
        if (!strict.includes(name)) continue;
        for (const i of args.keys()) {
          const values = args.map((value, k) => (k === i ? 'NULL' : value));
          if ((await isNull(call(values))) === false) lies.push(`${call(values)} is not NULL`);
        }
      }
    expect(lies).toEqual([]);
    expect(names.filter((name) => !proven.has(name))).toEqual([]);
  },
  120_000,
);

test.runIf(testEngine() === 'cockroachdb')(
  'operators that are trusted give NULL for NULL alone, on every pair of types',
  async () => {
    const { strict, lenient } = operatorsByTrust;
    // CockroachDB lists some operators by the name of their keyword.
    const keyword: Readonly<Record<string, string>> = {
      '~~': 'LIKE',
      '!~~': 'NOT LIKE',
      '~~*': 'ILIKE',
      '!~~*': 'NOT ILIKE',
      '<>': '!=',
    };
    const names = [...strict, ...lenient].map((name) => keyword[name] ?? name);
    const found = await rows(
      `SELECT DISTINCT oprname, oprleft::REGTYPE::TEXT, oprright::REGTYPE::TEXT FROM pg_catalog.pg_operator
       WHERE oprleft <> 0 AND oprright <> 0`,
    );
    const overloads = found
      .filter(([name]) => names.includes(name!))
      .map(([name, left, right]) => ({ name: name!, args: [left!, right!] }));
    const { lies, proven } = await judge(
      overloads,
      new Set(strict.map((name) => keyword[name] ?? name)),
      ({ name }, [left, right]) => `${left} ${name} ${right}`,
    );
    expect(lies).toEqual([]);
    expect(proven.size).toBeGreaterThan(20);
  },
  120_000,
);
