import type { SeededRandom } from '../../support/seed.ts';
import { propertySchema, RandomQuery, randomData } from './random-query.ts';

/** The tables of the property, with what only PostgreSQL has or is asked about. */
export const postgresSchema = `${propertySchema}
ALTER TABLE t1 ADD COLUMN g INT4 GENERATED ALWAYS AS (a + 1) STORED, ADD COLUMN h INT4 GENERATED ALWAYS AS (b + 1) STORED;
CREATE MATERIALIZED VIEW m1 AS SELECT t1.id, t2.b AS a, t1.g AS b, t2.c FROM t1 LEFT JOIN t2 ON t2.id = t1.a;
CREATE MATERIALIZED VIEW m2 AS SELECT id, a, count(*)::INT4 AS b, max(c) AS c FROM t3 GROUP BY id;
CREATE DOMAIN filled AS INT4 NOT NULL;
CREATE TABLE target (id INT4 NOT NULL PRIMARY KEY, a INT4 NOT NULL, b INT4, c TEXT, d filled, e TEXT[] NOT NULL DEFAULT '{}');
`;

export const postgresData = (random: SeededRandom) =>
  `${randomData(random)}\nREFRESH MATERIALIZED VIEW m1; REFRESH MATERIALIZED VIEW m2;`;

/** Adds aggregates of all kinds, windows, set-returning functions, VARIADIC, rows, arrays and JSON. */
export class RandomPostgresQuery extends RandomQuery {
  protected override readonly groupingSets = true;
  readonly #release: number;

  /** `release`: the server's version number, 180004. */
  constructor(random: SeededRandom, release: number) {
    super(random);
    this.#release = release;
  }

  override statement(): string {
    const { random } = this;
    switch (random.integer(0, 9)) {
      case 0:
      case 1:
        return this.#aggregated();
      case 2:
        return this.#windows();
      case 3:
        return this.#sets();
      case 4:
        return this.#expressions();
      case 5:
        return this.#joined();
      case 6:
        return `SELECT s.* FROM (${this.#aggregated()}) AS s ${this.joinKind()} t3 AS z ON z.a = s.q`;
      default:
        return super.statement();
    }
  }

  protected override from(depth: number): { text: string; aliases: string[] } {
    if (depth > 0 || this.random.next() < 0.8) return super.from(depth);
    const alias = this.alias();
    const item = this.random.pick([
      `m1 AS ${alias}`,
      `m2 AS ${alias}`,
      `(SELECT id, g AS a, h AS b, c FROM t1) AS ${alias}`,
    ]);
    return { text: item, aliases: [alias] };
  }

  #maybe(text: () => string, chance = 0.4): string {
    return this.random.next() < chance ? text() : '';
  }

  #aggregated(): string {
    const { random } = this;
    const from = this.from(random.integer(0, 2));
    const filter = () => this.#maybe(() => ` FILTER (WHERE ${this.condition(from.aliases)})`);
    const distinct = () => this.#maybe(() => 'DISTINCT ', 0.2);
    const number = () => this.number(from.aliases);
    const text = () => this.text(from.aliases);
    const order = (by: string) => this.#maybe(() => ` ORDER BY ${by}`);
    const plain = (value: string) => `${distinct()}${value}`;
    const scalar = random.pick([
      () => `${random.pick(['sum', 'min', 'max', 'bit_and', 'bit_or'])}(${plain(number())})`,
      () => `count(${random.pick(['*', plain(number())])})`,
      () => `regr_count(${number()}, ${number()})`,
      () => `bool_or(${number()} = 1)`,
      () => `${this.#release < 160_000 ? 'max' : 'any_value'}(${number()})`,
    ]);
    const letters = text();
    const words = random.pick([
      () => `string_agg(${letters}, ','${order(letters)})`,
      () => `max(${plain(text())})`,
      () => `xmlagg(NULLIF(${text()}, '')::XML)`,
    ]);
    const list = random.pick([
      () => `array_agg(${text()}${order(text())})`,
      () => `array_agg(ARRAY[${text()}, ${text()}])`,
    ]);
    const json = random.pick([
      () => `json_agg(${number()})`,
      () => `jsonb_agg(${this.#object(from.aliases, 1)})`,
      () => `json_agg(${random.pick(from.aliases)})`,
    ]);
    const listed = `${list()}${filter()}`;
    const documents = `${json()}${filter()}`;
    const key = this.column(from.aliases);
    const by = random.pick(['', '', ` GROUP BY ${key}`, ` GROUP BY ${key}`, ` GROUP BY ROLLUP (${key})`]);
    const first = by === '' ? `count(*)::INT4` : key;
    const having = this.#maybe(() => ` HAVING count(*) ${random.pick(['>', '<'])} 2`, 0.2);
    return `SELECT ${first} AS p, (${scalar()}${filter()})::INT4 AS q, (${words()}${filter()})::TEXT AS r, ${random.pick([listed, `COALESCE(${listed}, '{}')`])} AS s, ${random.pick([documents, documents.startsWith('jsonb') ? `COALESCE(${documents}, '[]')` : documents])} AS t FROM ${from.text}${by}${having}`;
  }

  /** A JSON object over some columns. */
  #object(aliases: readonly string[], depth: number): string {
    const { random } = this;
    const value = () =>
      random.pick([
        () => this.number(aliases),
        () => this.text(aliases),
        () => `ARRAY[${this.text(aliases)}, 'x']`,
        () => `row_to_json(${random.pick(aliases)})`,
        () => `ROW(${this.number(aliases)}, ${this.text(aliases)})`,
        () => (depth > 0 ? this.#object(aliases, depth - 1) : "'literal'"),
      ])();
    return `jsonb_build_object('a', ${value()}, 'b', ${value()}, '${random.pick(['a', 'c'])}', ${value()})`;
  }

  #windows(): string {
    const { random } = this;
    const from = this.from(1);
    const number = () => this.number(from.aliases);
    const frame = () => {
      const start = random.integer(0, 4);
      const bounds = [
        'UNBOUNDED PRECEDING',
        '1 PRECEDING',
        'CURRENT ROW',
        '1 FOLLOWING',
        'UNBOUNDED FOLLOWING',
      ];
      const low = bounds[Math.min(start, 3)]!;
      const high = bounds[Math.max(random.integer(start, 4), 1)]!;
      const mode = random.pick(['ROWS', 'GROUPS']);
      const exclude = random.pick(['', '', ' EXCLUDE CURRENT ROW', ' EXCLUDE GROUP', ' EXCLUDE TIES']);
      return random.next() < 0.3 ? '' : ` ${mode} BETWEEN ${low} AND ${high}${exclude}`;
    };
    const window = () =>
      `OVER (${this.#maybe(() => `PARTITION BY ${number()} `)}ORDER BY ${number()}${frame()})`;
    const call = () =>
      random.pick([
        () => `sum(${number()})`,
        () => `max(${number()})`,
        () => `count(${number()})`,
        () => `first_value(${number()})`,
        () => `last_value(${number()})`,
        () => `nth_value(${number()}, 2)`,
        () => `lag(${number()})`,
        () => `lead(${number()}, 1, ${number()})`,
        () => `ntile(nullif(${this.column(from.aliases)}, 9))`,
        () => 'row_number()',
        () => `sum(${number()}) FILTER (WHERE ${this.condition(from.aliases)})`,
      ])();
    return `SELECT (${call()} ${window()})::INT4 AS p, (${call()} ${window()})::INT4 AS q, ${this.text(from.aliases)} AS r FROM ${from.text}`;
  }

  #sets(): string {
    const { random } = this;
    const from = this.from(1);
    const set = () =>
      random.pick([
        () => `generate_series(1, ${this.column(from.aliases)})`,
        () => `unnest(ARRAY[${this.number(from.aliases)}, ${this.column(from.aliases)}])`,
        () => 'unnest(ARRAY[[1, 2], [3, NULL]])',
        () => `generate_series(1, 2) + ${this.column(from.aliases)}`,
      ])();
    const columns = [set(), random.next() < 0.4 ? set() : this.number(from.aliases), this.text(from.aliases)];
    const [p, q, r] = random.next() < 0.5 ? columns : [columns[1], columns[0], columns[2]];
    const order = this.#maybe(() => ` ORDER BY ${set()}`, 0.3);
    const select = `SELECT ${p} AS p, ${q} AS q, ${r} AS r FROM ${from.text}${order} LIMIT 50`;
    if (random.next() < 0.7) return select;
    const rows = `LATERAL unnest(ARRAY[s.p, 1], ARRAY[${random.pick(['1', '1, 2, 3', 's.q'])}]) AS f (x, y)`;
    const joined = random.pick([`CROSS JOIN ${rows}`, `LEFT JOIN ${rows} ON f.x > 1`]);
    return `SELECT s.p, f.x AS q, jsonb_build_object('n', f.x, 'o', f.y, 's', s) AS r FROM (${select}) AS s ${joined}`;
  }

  #expressions(): string {
    const { random } = this;
    const from = this.from(random.integer(0, 2));
    const text = () => this.text(from.aliases);
    const array = () =>
      random.pick([`ARRAY[${text()}, ${text()}]`, `NULLIF(ARRAY[${text()}], '{x}')`, `ARRAY[${text()}]`]);
    const one = random.pick([
      () => `concat(VARIADIC ${array()})`,
      () => `concat_ws(${text()}, VARIADIC ${array()})`,
      () => `format(${random.pick(["'%s'", `NULLIF(${text()}, 'y')`])}, ${text()})`,
      () => `format('-', VARIADIC ${array()})`,
      () => `num_nulls(VARIADIC ${array()})::TEXT`,
      () => `array_to_string(${array()}, ',')`,
      () => `repeat(${text()}, ${this.column(from.aliases)})`,
    ]);
    const column = this.column(from.aliases);
    const other = this.column(from.aliases);
    const guarded = random.pick([
      `CASE WHEN ${column} IS NOT NULL THEN ${column} ELSE ${other} END`,
      `CASE WHEN ${column} IS NULL THEN ${other} ELSE ${column} END`,
      `CASE WHEN ${column} IS NULL OR ${other} IS NULL THEN 1 WHEN ${this.condition(from.aliases)} THEN ${column} ELSE ${other} END`,
      `CASE WHEN ${column} > ${other} THEN ${column} + ${other} ELSE 0 END`,
      `CASE ${column} WHEN ${other} THEN ${column} ELSE 1 END`,
      `(make_interval(days => ${column}) > make_interval(days => ${other}))::INT4`,
    ]);
    const document = random.pick([
      this.#object(from.aliases, 1),
      `to_jsonb(${random.pick(from.aliases)})`,
      `to_jsonb(${array()})`,
    ]);
    const where = this.#maybe(() => ` WHERE ${this.condition(from.aliases)}`);
    return `SELECT ${guarded} AS p, ${this.number(from.aliases)} AS q, ${one()} AS r, ${array()} AS s, ${document} AS t FROM ${from.text}${where}`;
  }

  /** Joins that never pad, or whose columns are merged. */
  #joined(): string {
    const { random } = this;
    const tables = () => random.pick(['t1', 't2', 't3', 'v1', 'm1', 'm2']);
    const kind = () => this.joinKind();
    const lateral = random.pick([
      'SELECT count(*)::INT4 AS n, max(z.c) AS m FROM t3 AS z WHERE z.a = x.id',
      'SELECT count(*)::INT4 AS n, max(z.c) AS m FROM t3 AS z WHERE z.a = x.id HAVING count(*) > 1',
      'SELECT x.id AS n, z.c AS m FROM t3 AS z WHERE z.a = x.id LIMIT 1',
      "SELECT 1 AS n, 'x' AS m",
      "SELECT 1 AS n, 'x' AS m WHERE x.id > 2",
      "VALUES (1, 'x')",
    ]);
    const on = random.pick(['true', 'true', 'l.n > 1']);
    return random.next() < 0.5
      ? `SELECT x.id AS p, l.n AS q, l.m AS r FROM ${tables()} AS x LEFT JOIN LATERAL (${lateral}) AS l (n, m) ON ${on}`
      : `SELECT id AS p, ${random.pick(['x.a', 'y.b', 'id + 1'])} AS q, ${random.pick(['x.c', 'y.c', "COALESCE(x.c, y.c, '-')"])} AS r FROM ${tables()} AS x ${kind()} ${tables()} AS y USING (id)${this.#maybe(() => ` ${kind()} ${tables()} AS z USING (id)`)}`;
  }

  /** A statement whose parameters are stored: `@a` numbers, `@s` text, `@l` lists of text, `@n` lists of numbers. */
  change(): string {
    const { random } = this;
    const column = () => random.pick(['a', 'b', 'd', 'c']);
    const value = (name: string) =>
      name === 'c'
        ? random.pick(['@s1::TEXT', '@s2::TEXT', "'x'"])
        : random.pick(['@a1::INT4', '@a2::INT4', '1']);
    const cells = ['a', 'b', 'c', 'd'].map((name) => value(name));
    const row = `@id::INT4, ${cells.join(', ')}`;
    const set = column();
    const fallback = random.pick([
      value(set),
      `COALESCE(${value(set)}, target.${set})`,
      `CASE WHEN target.b = 1 THEN ${value(set)} ELSE ${value(set)} END`,
    ]);
    const onto = `INSERT INTO target (id, a, b, c, d)`;
    return random.pick([
      () => `${onto} VALUES (${row})`,
      () => `${onto} VALUES (${row}), (@id2::INT4, ${['a', 'b', 'c', 'd'].map(value).join(', ')})`,
      () =>
        `${onto} SELECT ${row} UNION ALL SELECT @id2::INT4, ${['a', 'b', 'c', 'd'].map(value).join(', ')}`,
      () =>
        `WITH i (id, a, b, c, d) AS (SELECT ${row}), j AS (SELECT * FROM i) ${onto} SELECT id, a, b, c, d FROM j`,
      () =>
        `${onto} SELECT s.id, s.a, s.b, s.c, s.d FROM (SELECT ${row}) AS s (id, a, b, c, d) JOIN t1 ON true LIMIT 1`,
      () =>
        `${onto} SELECT u.id, u.a, u.b, u.c, u.d FROM unnest(@n1::INT4[], @n2::INT4[], @n3::INT4[], @l1::TEXT[], @n4::INT4[]) AS u (id, a, b, c, d)`,
      () => `${onto} VALUES (${row}) ON CONFLICT (id) DO UPDATE SET ${set} = ${fallback}`,
      () => `UPDATE target SET ${set} = ${fallback}, e = @l2 WHERE id = @id`,
      () =>
        this.#release >= 150_000
          ? `MERGE INTO target USING (SELECT ${row}) AS s (id, a, b, c, d) ON s.id = target.id WHEN MATCHED THEN UPDATE SET ${set} = ${random.pick([`s.${set}`, fallback])} WHEN NOT MATCHED THEN INSERT (id, a, b, c, d) VALUES (s.id, ${random.pick(['s.a', value('a')])}, ${random.pick(['s.b', value('b')])}, ${random.pick(['s.c', value('c')])}, ${random.pick(['s.d', value('d')])})`
          : `${onto} VALUES (${row})`,
    ])();
  }
}
