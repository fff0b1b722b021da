import type { SeededRandom } from '../../support/seed.ts';

/** Tables of the property test: few rows, many NULLs, keys that match about half the time. */
export const propertySchema = `
CREATE TABLE t1 (id INT4 NOT NULL PRIMARY KEY, a INT4 NOT NULL, b INT4, c TEXT);
CREATE TABLE t2 (id INT4 NOT NULL PRIMARY KEY, a INT4, b INT4 NOT NULL, c TEXT NOT NULL);
CREATE TABLE t3 (id INT4 NOT NULL PRIMARY KEY, a INT4 NOT NULL, b INT4 NOT NULL, c TEXT);
CREATE VIEW v1 AS SELECT t1.id, t2.a, t1.b, t2.c FROM t1 LEFT JOIN t2 ON t2.id = t1.a;
CREATE VIEW v2 AS SELECT id, a, b, c FROM t2 WHERE a IS NOT NULL;
`;

const notNull: Readonly<Record<string, readonly string[]>> = { t1: ['a'], t2: ['b', 'c'], t3: ['a', 'b'] };

export function randomData(random: SeededRandom): string {
  const statements: string[] = [];
  for (const table of ['t1', 't2', 't3']) {
    const rows = random.integer(0, 5);
    for (let id = 1; id <= rows; id++) {
      const value = (column: string, make: () => string) =>
        notNull[table]!.includes(column) || random.next() < 0.5 ? make() : 'NULL';
      const number = () => String(random.integer(1, 5));
      const text = () => `'${random.pick(['x', 'y', ''])}'`;
      statements.push(
        `INSERT INTO ${table} VALUES (${id}, ${value('a', number)}, ${value('b', number)}, ${value('c', text)});`,
      );
    }
  }
  return statements.join('\n');
}

/** Writes queries over the tables: joins of every kind, nested, in CTEs, unions and aggregates. */
export class RandomQuery {
  protected readonly random: SeededRandom;
  /** CockroachDB has none. */
  protected readonly groupingSets: boolean = false;
  #aliases = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  /** Every query gives columns p, q (numbers) and r (text). */
  statement(): string {
    const kind = this.random.integer(0, 9);
    if (kind === 0)
      return `${this.select(1)} ${this.random.pick(['UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT'])} ${this.select(1)}`;
    if (kind === 1)
      return `WITH w AS ${this.random.pick(['', 'MATERIALIZED ', 'NOT MATERIALIZED '])}(${this.select(1)}) SELECT w.p, x.q, x.r FROM w ${this.joinKind()} w AS x ON x.p = w.q`;
    if (kind === 2) return this.grouped();
    if (kind === 3) return this.recursive();
    return this.select(2);
  }

  protected alias(): string {
    return `x${++this.#aliases}`;
  }

  protected joinKind(): string {
    return this.random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'LEFT JOIN']);
  }

  /** A FROM item with its aliases. */
  protected from(depth: number): { text: string; aliases: string[] } {
    const choice = this.random.next();
    if (depth <= 0 || choice < 0.3) {
      const alias = this.alias();
      if (depth > 0 && choice < 0.08)
        return {
          text: `(SELECT s.p AS id, s.q AS a, s.p AS b, s.r AS c FROM (${this.select(depth - 1)}) AS s) AS ${alias}`,
          aliases: [alias],
        };
      return { text: `${this.random.pick(['t1', 't2', 't3', 'v1', 'v2'])} AS ${alias}`, aliases: [alias] };
    }
    const left = this.from(depth - 1);
    const right = this.from(depth - 1);
    const kind = this.joinKind();
    const on = `${this.number(left.aliases, true)} = ${this.number(right.aliases, true)}`;
    const more =
      kind !== 'FULL JOIN' && this.random.next() < 0.3
        ? ` AND ${this.condition([...left.aliases, ...right.aliases])}`
        : '';
    return {
      text: `(${left.text} ${kind} ${right.text} ON ${on}${more})`,
      aliases: [...left.aliases, ...right.aliases],
    };
  }

  protected column(aliases: readonly string[]): string {
    return `${this.random.pick(aliases)}.${this.random.pick(['id', 'a', 'b'])}`;
  }

  protected number(aliases: readonly string[], plain = false): string {
    const column = this.column(aliases);
    if (plain) return column;
    switch (this.random.integer(0, 7)) {
      case 0:
        return `COALESCE(${column}, ${this.column(aliases)})`;
      case 1:
        return `${column} + ${this.column(aliases)}`;
      case 2:
        return `CASE WHEN ${this.condition(aliases)} THEN ${column} ELSE ${this.column(aliases)} END`;
      case 3:
        return `greatest(${column}, ${this.column(aliases)})`;
      case 4:
        return `(SELECT ${this.random.pick(['count(*)::INT4', 'max(z.a)', 'min(z.id)'])} FROM t3 AS z WHERE z.a = ${column})`;
      default:
        return column;
    }
  }

  protected text(aliases: readonly string[]): string {
    const column = `${this.random.pick(aliases)}.c`;
    return this.random.pick([
      column,
      column,
      `upper(${column})`,
      `COALESCE(${column}, '-')`,
      `NULLIF(${column}, 'x')`,
      `${column} || '.'`,
      `concat(${column}, 'z')`,
    ]);
  }

  protected condition(aliases: readonly string[]): string {
    const column = this.column(aliases);
    return this.random.pick([
      `${column} IS NOT NULL`,
      `${column} IS NULL`,
      `${column} > ${this.column(aliases)}`,
      `NOT (${column} = 1)`,
      `(${column} = 1) IS NOT TRUE`,
      `(${column} = 1) IS TRUE`,
      `${column} = ANY (ARRAY[1, 2, ${this.column(aliases)}])`,
      `${column} IN (1, 2, 3)`,
      `(${column} = 2 OR ${this.column(aliases)} = 1)`,
      `${column} IS DISTINCT FROM 1`,
      `COALESCE(${column}, 1) = 1`,
      `${this.random.pick(aliases)}.c LIKE '%'`,
      `EXISTS (SELECT 1 FROM t2 AS e WHERE e.b = ${column})`,
      `${column} NOT IN (SELECT e.b FROM t2 AS e)`,
    ]);
  }

  protected select(depth: number): string {
    const from = this.from(depth);
    const conditions = Array.from({ length: this.random.integer(0, 2) }, () => this.condition(from.aliases));
    const where =
      conditions.length === 0
        ? ''
        : ` WHERE ${conditions.join(this.random.pick([' AND ', ' AND ', ' OR ']))}`;
    return `SELECT ${this.number(from.aliases)} AS p, ${this.number(from.aliases)} AS q, ${this.text(from.aliases)} AS r FROM ${from.text}${where}`;
  }

  protected grouped(): string {
    const from = this.from(2);
    const key = this.column(from.aliases);
    const sets = [`ROLLUP (${key})`, `GROUPING SETS ((${key}), ())`];
    const by = this.random.pick([key, key, ...(this.groupingSets ? sets : [])]);
    const aggregate = this.random.pick(['max', 'sum', 'min']);
    const filter = this.random.next() < 0.3 ? ` FILTER (WHERE ${this.condition(from.aliases)})` : '';
    return `SELECT ${key} AS p, ${aggregate}(${this.column(from.aliases)})${filter}::INT4 AS q, string_agg(${from.aliases[0]}.c, ',') AS r FROM ${from.text} GROUP BY ${by}`;
  }

  protected recursive(): string {
    const step = this.random.pick(['w.q, w.p + 1', 'w.p + 1, t.a', 'w.p + 1, t.b', 'w.p + 1, w.q']);
    const join = this.random.pick(['JOIN', 'LEFT JOIN']);
    return `WITH RECURSIVE w AS (SELECT t.id AS p, t.a AS q, t.c AS r, 1 AS n FROM t2 AS t UNION ALL SELECT ${step}, t.c, w.n + 1 FROM w ${join} t1 AS t ON t.id = w.p WHERE w.n < 3) SELECT p, q, r FROM w`;
  }
}
