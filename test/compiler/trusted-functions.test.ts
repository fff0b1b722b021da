import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { DatabaseError } from '../../src/base/index.ts';
import { mainTree } from '../../src/compiler/analysis/main-tree.ts';
import { functionsByTrust, operatorsByTrust } from '../../src/compiler/cockroach/functions.ts';
import { type CompileDatabase, openEngine } from '../../src/compiler/engine/engine.ts';
import { Prover } from '../../src/compiler/nullability/prove.ts';
import { trusted } from '../../src/compiler/nullability/trusted-functions.ts';
import { anyParameters } from '../../src/compiler/nullability/verdict.ts';
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

/** All choices of one value each, but not many more than `most`. */
function choices(lists: readonly (readonly string[])[], most = 24): string[][] {
  let found: string[][] = [[]];
  for (const list of lists) found = found.flatMap((head) => list.map((value) => [...head, value]));
  const step = Math.max(1, Math.ceil(found.length / most));
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

// PostgreSQL: every trusted name is called in every overload, and wherever the prover calls the outcome never NULL, the
// engine is asked. What the prover makes of the call is its own affair: an entry, and a rule about it, are tried together.

/** Values of PostgreSQL's types, beside those above. */
const moreSamples: Readonly<Record<string, readonly string[]>> = {
  ...samples,
  int4: ['2', '0', '-1'],
  interval: ["'0'", "'1 mon -2 days 03:00'"],
  timestamp: ["'2026-01-02 03:04:05'", "'infinity'"],
  timestamptz: ["'2026-01-02 03:04:05Z'", "'-infinity'"],
  date: ["'2026-01-02'", "'infinity'"],
  float4: ["'NaN'", "'-Infinity'", '0.5'],
  float8: ['0.5', "'NaN'", "'Infinity'", '-1.5'],
  numeric: ['1.5', "'NaN'", "'Infinity'", '0'],
  json: ["'null'", "'[]'", "'[null]'", `'{"a": null}'`],
  varchar: ["''", "'a'"],
  bpchar: ["'a '"],
  '"char"': ["'a'"],
  money: ["'1.5'"],
  xml: ["'<a/>'", "''"],
  cidr: ["'10.0.0.0/8'"],
  macaddr: ["'08:00:2b:01:02:03'"],
  macaddr8: ["'08:00:2b:01:02:03:04:05'"],
  tsvector: ["''", "'a:1 b:2'"],
  tsquery: ["''", "'a & b'", "'!a'"],
  regconfig: ["'simple'", "'english'"],
  jsonpath: ["'$.a'", "'$.a == 1'"],
  path: ["'((0,0),(1,1))'", "'[(0,0),(1,1)]'"],
  point: ["'(0,0)'"],
  lseg: ["'[(0,0),(1,1)]'"],
  box: ["'((0,0),(1,1))'"],
  polygon: ["'((0,0),(1,1),(2,0))'"],
  circle: ["'<(0,0),1>'"],
  line: ["'{1,2,3}'"],
  int4range: ["'empty'", "'(,)'", "'[1,5)'"],
  int4multirange: ["'{}'", "'{[1,5)}'"],
  numrange: ["'(,)'", "'[1,2]'"],
  regclass: ["'trusted_sequence'"],
  xid: ["'5'"],
  xid8: ["'5'"],
  pg_lsn: ["'0/0'", "'1/5'"],
  tid: ["'(0,1)'"],
  record: ['ROW(1, NULL)'],
  cstring: ["'a'"],
};
const pseudo: Readonly<Record<string, readonly string[]>> = {
  any: ['1', "'a'::text", 'NULL'],
  anyelement: ['1', "'a'::text", "'null'::jsonb", 'ROW(1, NULL)'],
  anynonarray: ['1', "'a'::text"],
  anyarray: ["'{}'::int4[]", "'{1,NULL}'::int4[]", "'{{1,NULL},{2,3}}'::int4[]", "'{NULL}'::text[]"],
  anyenum: ["'sad'::trusted_mood"],
  anyrange: ["'empty'::int4range", "'(,)'::int4range"],
  anymultirange: ["'{}'::int4multirange"],
  record: ['ROW(1, NULL)'],
};
const aliases: Readonly<Record<string, string>> = {
  bigint: 'int8',
  integer: 'int4',
  smallint: 'int2',
  'double precision': 'float8',
  real: 'float4',
  boolean: 'bool',
  'bit varying': 'varbit',
  'character varying': 'varchar',
  character: 'bpchar',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
};

/** Values of a type as REGTYPE writes it, each with its type; none where the test knows none. */
function valuesFor(regtype: string): readonly string[] {
  if (regtype.endsWith('[]')) {
    const element = valuesFor(regtype.slice(0, -2))[0];
    return element === undefined
      ? []
      : [`ARRAY[${element}]`, `'{}'::${regtype}`, `'{NULL}'::${regtype}`, `ARRAY[[${element}], [NULL]]`];
  }
  const name = (aliases[regtype] ?? regtype).replace(/^anycompatible/, 'any').replace(/^any$/, 'anyelement');
  const known = pseudo[regtype === '"any"' ? 'any' : name];
  return known ?? (moreSamples[name] ?? []).map((value) => `${value}::${regtype}`);
}
const nullFor = (regtype: string) =>
  /^"?any/.test(regtype) ? (/array/.test(regtype) ? 'NULL::int4[]' : 'NULL::int4') : `NULL::${regtype}`;

/** Where an argument has to be one of a few values. */
const forced: Readonly<Record<string, readonly (readonly string[])[]>> = {
  encode: [["'\\x61'::bytea", "'hex'"]],
  decode: [["'61'", "'hex'"]],
  convert_from: byHand['convert_from']!,
  convert_to: byHand['convert_to']!,
  date_trunc: [
    ["'day'", "'infinity'::timestamptz"],
    ["'day'", "'1 day'::interval"],
  ],
  date_bin: [["'1 day'::interval", "'2026-01-02'::timestamp", "'2026-01-01'::timestamp"]],
  extract: [
    ["'epoch'", "'infinity'::timestamptz"],
    ["'day'", "'infinity'::timestamptz"],
    ["'year'", "'infinity'::date"],
    ["'julian'", "'2026-01-02'::timestamp"],
  ],
  date_part: [
    ["'epoch'", "'infinity'::timestamptz"],
    ["'EPOCH'", "'1 day'::interval"],
    ["'day'", "'infinity'::timestamptz"],
  ],
  timezone: [["'UTC'", "'infinity'::timestamptz"]],
  make_date: [['2026', '1', '2']],
  make_time: [['1', '2', '3.5']],
  make_timestamp: [['2026', '1', '2', '3', '4', '5.5']],
  make_timestamptz: [['2026', '1', '2', '3', '4', '5.5']],
  make_interval: [['days => 3'], ['1', '2', '3']],
  position: [["'a'", "'b'"]],
  format: [["'%s'", 'NULL'], ["''"], ["'%s'", 'VARIADIC NULL::text[]'], ["'x'", "VARIADIC '{}'::text[]"]],
  concat_ws: [
    ["','", 'NULL'],
    ["','", 'VARIADIC NULL::text[]'],
    ["','", "VARIADIC '{NULL}'::text[]"],
  ],
  row_to_json: [['ROW(1, NULL)']],
  nextval: [["'trusted_sequence'::regclass"]],
  json_build_object: [["'a'", 'NULL'], ['VARIADIC NULL::text[]'], ["VARIADIC '{}'::text[]"]],
  jsonb_build_object: [["'a'", 'NULL'], ['VARIADIC NULL::text[]'], ["VARIADIC '{}'::text[]"]],
  jsonb_set: [...byHand['jsonb_set']!],
  jsonb_insert: [...byHand['jsonb_insert']!],
  set_byte: [["'\\x61'::bytea", '0', '1']],
  get_byte: [["'\\x61'::bytea", '0']],
  setweight: [["'a:1'::tsvector", "'A'"]],
  width_bucket: [
    ['1.0', '0.0', '2.0', '3'],
    ['1', "'{0,2}'::int4[]"],
  ],
  split_part: [
    ["'a,b'", "','", '1'],
    ["'a,b'", "','", '5'],
  ],
  chr: [['65']],
  factorial: [['3']],
  random: [[], ['1', '2'], ['1', 'NULL::int4']],
  uuidv7: [[], ['NULL::interval'], ["'1 day'::interval"]],
  array_replace: [["'{1,NULL}'::int4[]", '1', 'NULL']],
  overlaps: [["'01:00'::time", "'02:00'::time", "'01:30'::time", "'03:00'::time"]],
  json_object_agg: [["'a'", '1']],
  jsonb_object_agg: [["'a'", '1']],
};

class Trial {
  readonly #database: CompileDatabase;
  readonly lies: string[] = [];
  /** Names of which the engine gave what the prover had called never NULL. */
  readonly tried = new Set<string>();

  constructor(database: CompileDatabase) {
    this.#database = database;
  }

  async rows(text: string): Promise<(string | null)[][] | undefined> {
    try {
      return await this.#database.query(text);
    } catch (error) {
      // A value that is not taken, but not a connection that is lost.
      const { code = '' } = error as { code?: string };
      if (/^(|08.*|57.*)$/.test(code)) throw new Error(`${code} ${text.slice(0, 2000)}`, { cause: error });
      return undefined;
    }
  }

  /** Statements that each give a column, for the entry of that name. Those that the engine does not take are passed over. */
  async run(statements: readonly (readonly [name: string, text: string])[]): Promise<void> {
    const described = await this.#database.describe(statements.map(([, text]) => text));
    const proved: Proved[] = [];
    for (const [i, [name, text]] of statements.entries()) {
      const description = described[i]!;
      if (description instanceof DatabaseError) continue;
      const tree = mainTree(text, description, this.#database);
      const verdict = tree && new Prover(this.#database.catalog, anyParameters).columns(tree)[0];
      if (verdict && !verdict.nullable) proved.push({ name, text, reason: verdict.reason });
    }
    for (let at = 0; at < proved.length; at += 64) await this.#execute(proved.slice(at, at + 64));
  }

  /** All in one statement; if one of them fails, in halves, down to the one that does. */
  async #execute(proved: readonly Proved[]): Promise<void> {
    const [one, ...more] = proved;
    if (!one) return;
    const nulls = ({ text }: Proved) => `(SELECT count(*) FROM (${text}) AS t (x) WHERE num_nulls(x) > 0)`;
    const rows = await this.rows(more.length === 0 ? one.text : `SELECT ${proved.map(nulls).join(', ')}`);
    if (!rows) {
      if (more.length === 0) return;
      const half = Math.ceil(proved.length / 2);
      await this.#execute(proved.slice(0, half));
      await this.#execute(proved.slice(half));
      return;
    }
    for (const [i, { name, text, reason }] of proved.entries()) {
      this.tried.add(name);
      const found = more.length === 0 ? rows.some(([value]) => value === null) : rows[0]![i] !== '0';
      if (found) this.lies.push(`${reason}: NULL in ${text}`);
    }
  }
}

interface Proved {
  readonly name: string;
  readonly text: string;
  readonly reason: string;
}

const frames = [
  '',
  'ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING',
  'ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING',
  'ROWS BETWEEN 1 PRECEDING AND CURRENT ROW',
  'ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING',
  'ROWS BETWEEN CURRENT ROW AND CURRENT ROW EXCLUDE CURRENT ROW',
  'GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE GROUP',
  'GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING EXCLUDE TIES',
  'RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING',
  'RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING',
  'RANGE BETWEEN 1 FOLLOWING AND 2 FOLLOWING',
];

/** Calls in every place where rows may be missing, or a value be padded. */
const paddings = (call: string) => [
  `SELECT s.x FROM (VALUES (1)) AS v LEFT JOIN (SELECT ${call} AS x) AS s ON false`,
  `SELECT s.x FROM (VALUES (1)) AS v LEFT JOIN LATERAL (SELECT ${call} AS x) AS s ON true`,
  `SELECT s.x FROM (SELECT ${call} AS x) AS s FULL JOIN (VALUES (1)) AS v ON false`,
  `SELECT (SELECT ${call} WHERE false) AS x`,
  `SELECT (SELECT ${call}) AS x`,
  `SELECT ${call} AS x FROM (VALUES (1), (2)) AS v (g) GROUP BY ROLLUP (g)`,
  `SELECT r.x FROM ROWS FROM (${call}, generate_series(1, 3)) AS r (x, n)`,
  `SELECT r.x FROM ${call} AS r (x)`,
  `SELECT ${call} AS x, generate_series(1, 3) AS n LIMIT 20`,
  `SELECT ${call} AS x ORDER BY generate_series(1, 3) LIMIT 20`,
  `SELECT DISTINCT ON (generate_series(1, 3)) ${call} AS x LIMIT 20`,
];

/** Rows of the arguments, some of them NULL when `holes`, in three groups. */
function groups(args: readonly string[], holes: boolean): string {
  const names = args.map((_, i) => `, a${i}`).join('');
  const row = (g: number, values: readonly string[]) => `(${[g, ...values].join(', ')})`;
  const rows = [row(1, args), row(1, args), row(2, args)];
  if (holes)
    for (const i of args.keys())
      rows.push(
        row(
          3 + i,
          args.map((value, k) => (k === i ? 'NULL' : value)),
        ),
      );
  return `(VALUES ${rows.join(', ')}) AS v (g${names})`;
}

test.runIf(testEngine() === 'postgresql')(
  'what is trusted never to be NULL is not: every name of the lists, in every overload, with every padding',
  async () => {
    const engine = await openEngine({ url: inject('holdfast').url });
    try {
      const schema = "CREATE SEQUENCE trusted_sequence; CREATE TYPE trusted_mood AS ENUM ('sad');";
      const database = await engine.database([{ path: 'schema.sql', text: schema }]);
      const trial = new Trial(database);
      const list = (names: readonly string[]) => names.map((name) => `'${name}'`).join(', ');
      const overloadsOf = async (names: readonly string[], kind: string) => {
        const found: { name: string; variadic: boolean; args: string[] }[] = [];
        const signatures = await database.query(
          `SELECT p.proname, p.provariadic <> 0, array_to_string(ARRAY(
             SELECT a.type::REGTYPE::TEXT FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n) ORDER BY a.n), '|')
           FROM pg_catalog.pg_proc AS p
           WHERE p.pronamespace = 'pg_catalog'::REGNAMESPACE AND p.proname IN (${list(names)}) AND p.prokind IN (${kind})`,
        );
        for (const [name, variadic, args] of signatures)
          found.push({
            name: name!,
            variadic: variadic === 't',
            args: (args ?? '').split('|').filter(Boolean),
          });
        return found;
      };
      const calls: [string, string][] = [];
      const first = new Map<string, string>();
      const scalars = [...trusted.never, ...trusted.asArguments, ...trusted.asFirst];
      const add = (name: string, args: readonly string[]) => {
        const call = `pg_catalog."${name}"(${args.join(', ')})`;
        calls.push([name, `SELECT ${call} AS x LIMIT 20`]);
        if (!args.some((arg) => arg.includes('NULL'))) first.set(name, first.get(name) ?? call);
      };
      for (const { name, variadic, args } of await overloadsOf(scalars, "'f'")) {
        const lists = args.map(valuesFor);
        for (const values of choices(lists, 8)) add(name, values);
        for (const [i, type] of args.entries())
          add(
            name,
            lists.map((values, k) => (k === i ? nullFor(type) : (values[0] ?? 'NULL'))),
          );
        if (variadic)
          for (const array of ['NULL::text[]', "'{}'::text[]", "'{NULL}'::text[]"])
            add(name, [...lists.slice(0, -1).map((values) => values[0] ?? 'NULL'), `VARIADIC ${array}`]);
      }
      for (const name of scalars) for (const args of forced[name] ?? []) add(name, args);
      await trial.run(calls);
      await trial.run(
        [...first].flatMap(([name, call]) => paddings(call).map((text) => [name, text] as const)),
      );

      const operators = await database.query(
        `SELECT oprname, CASE WHEN oprleft <> 0 THEN oprleft::REGTYPE::TEXT END, oprright::REGTYPE::TEXT
         FROM pg_catalog.pg_operator WHERE oprname IN (${list(trusted.operators)})`,
      );
      await trial.run(
        operators.flatMap(([name, left, right]) => {
          const types = left === null ? [right!] : [left!, right!];
          const lists = types.map(valuesFor);
          const nulls = types.map((type, i) =>
            lists.map((values, k) => (k === i ? nullFor(type) : (values[0] ?? 'NULL'))),
          );
          return [...choices(lists, 6), ...nulls].map(
            (values) =>
              [
                `operator ${name}`,
                `SELECT ${values.length === 1 ? `${name} ${values[0]}` : values.join(` ${name} `)} AS x`,
              ] as const,
          );
        }),
      );

      const aggregates = [
        ...trusted.plainAggregates,
        ...trusted.collectingAggregates,
        ...trusted.countingAggregates,
      ];
      const windows = [...trusted.countingWindows, ...trusted.shiftingWindows, ...trusted.edgeWindows];
      for (const { name, args } of await overloadsOf([...aggregates, ...windows], "'a', 'w'")) {
        const isAggregate = aggregates.includes(name as never);
        const samplesOf = args.map((type) => valuesFor(type).find((value) => value !== 'NULL'));
        if (samplesOf.includes(undefined)) continue;
        const statements: [string, string][] = [];
        for (const values of [
          ...(forced[name] ?? [samplesOf as string[]]),
          ...choices(args.map(valuesFor), 2).slice(1, 2),
        ])
          for (const holes of [false, true]) {
            const from = groups(values, holes);
            const columns = values.map((_, i) => `a${i}`).join(', ');
            const plain = values.length === 0 && isAggregate ? `${name}(*)` : `${name}(${columns})`;
            // In a partition of its own, the row with the NULL is the first.
            statements.push([name, `SELECT ${plain} OVER (PARTITION BY g) AS x FROM ${from}`]);
            for (const frame of frames) {
              statements.push([name, `SELECT ${plain} OVER (ORDER BY g ${frame}) AS x FROM ${from}`]);
              if (isAggregate && frame === '')
                statements.push([
                  name,
                  `SELECT ${plain} FILTER (WHERE g > 5) OVER (ORDER BY g ${frame}) AS x FROM ${from}`,
                ]);
            }
            if (!isAggregate) continue;
            for (const call of [
              plain,
              `${name}(DISTINCT ${columns})`,
              `${name}(${columns} ORDER BY g)`,
              `${plain} FILTER (WHERE g > 5)`,
            ])
              for (const tail of [
                '',
                ' WHERE false',
                ' GROUP BY g',
                ' GROUP BY ROLLUP (g)',
                ' WHERE false GROUP BY g',
              ])
                statements.push([name, `SELECT ${call} AS x FROM ${from}${tail}`]);
          }
        await trial.run(statements);
      }

      const rowCalls: readonly (readonly [string, string])[] = trusted.rowSources.flatMap((name) =>
        (/series/.test(name)
          ? ['1, 3', 'NULL::int4, 3', "'2026-01-01'::timestamp, '2026-01-02'::timestamp, '1 hour'"]
          : /keys/.test(name)
            ? [`'{"a": null}'`, 'NULL']
            : ["'[null, 1]'", "'[]'", 'NULL']
        ).map((args) => [name, `${name}(${args})`] as const),
      );
      await trial.run(
        rowCalls.flatMap(([name, call]) => paddings(call).map((text) => [`rows of ${name}`, text] as const)),
      );

      expect(trial.lies).toEqual([]);
      const expected = [
        ...scalars,
        ...trusted.operators.map((name) => `operator ${name}`),
        ...aggregates,
        ...windows,
        ...trusted.rowSources.map((name) => `rows of ${name}`),
      ];
      const there = new Set(
        (
          await database.query(
            'SELECT proname FROM pg_catalog.pg_proc UNION SELECT $$operator $$ || oprname::TEXT FROM pg_catalog.pg_operator',
          )
        ).map(([name]) => name!),
      );
      // What an older release lacks cannot be tried on it; the embedded one has all.
      const left = expected.filter((name) => !trial.tried.has(name));
      expect(
        engine.serverVersion >= 180000
          ? left
          : left.filter((name) => there.has(name.replace('rows of ', ''))),
      ).toEqual([]);
    } finally {
      await engine.close();
    }
  },
  600_000,
);
