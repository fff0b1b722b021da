import type { AnalyzedQuery } from './analyzed.ts';
import type { CompiledTarget } from './compile.ts';
import { type Diagnostic, formatDiagnostic } from './diagnostic.ts';
import type { Engine } from './engine/engine.ts';
import { canPlan, sampleText } from './plan.ts';
import { placeOf } from './source/source-file.ts';

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, c) => Math.max(...rows.map((row) => row[c]!.length))) ?? [];
  return rows.map((row) => `  ${row.map((cell, c) => cell.padEnd(widths[c]!)).join('  ')}`.trimEnd());
}

const tsOf = (item: { use: { ts: string; json?: unknown }; nullable: boolean }) =>
  `${item.use.json ? 'json' : item.use.ts}${item.nullable ? ' | null' : ''}`;

/** A query in full: types with the proof of each nullability, the plan, the lints. */
export async function explainQuery(
  name: string,
  compiled: readonly CompiledTarget[],
  diagnostics: readonly Diagnostic[],
  engine: Engine,
): Promise<string | undefined> {
  for (const { files, queries } of compiled) {
    const query = queries.find(
      ({ engineQuery }) => engineQuery.source.name.toLowerCase() === name.toLowerCase(),
    );
    if (!query) continue;
    const { source } = query.engineQuery;
    const said = diagnostics.filter((d) => d.query === source.name && d.file === source.file);
    const database = await engine.database(files.schema);
    return [
      `${source.name} :${source.command} (${source.file.path}:${placeOf(source.file, source.nameAt).line})`,
      '',
      query.text,
      '',
      'parameters',
      ...describe(query.params.map((p, i) => [`$${i + 1}`, p.field, p.sqlType, tsOf(p), p.reason])),
      '',
      'columns',
      ...describe(query.columns.map((c) => [c.field, c.sqlType, tsOf(c), c.reason])),
      ...disagreements(query),
      '',
      `plan (${engine.version})`,
      ...(await plan(query, engine, (text) => database.query(text))),
      '',
      'lints',
      ...(said.length === 0 ? ['  none'] : said.map(formatDiagnostic)),
    ].join('\n');
  }
  return undefined;
}

const describe = (rows: readonly (readonly string[])[]) => (rows.length === 0 ? ['  none'] : table(rows));

function disagreements(query: AnalyzedQuery): string[] {
  const voices = query.columns.filter((column) => column.disagreement !== undefined);
  if (voices.length === 0) return [];
  return [
    '',
    'sources that disagree',
    ...voices.map((column) => `  ${column.field}: ${column.disagreement}`),
  ];
}

async function plan(
  query: AnalyzedQuery,
  engine: Engine,
  run: (text: string) => Promise<(string | null)[][]>,
): Promise<string[]> {
  const hasValues = !canPlan(query, engine);
  const text = hasValues ? sampleText(query, engine) : query.text;
  if (text === undefined)
    return ['  this engine plans a statement with parameters only when they have values'];
  const isGeneric = !hasValues && query.params.length > 0;
  const options = engine.cockroach ? '' : `(${isGeneric ? 'GENERIC_PLAN, ' : ''}COSTS OFF) `;
  try {
    const rows = await run(`EXPLAIN ${options}${text}`);
    return [
      ...(hasValues ? ['  for values that stand for any: this engine plans none without'] : []),
      ...rows.map((row) => `  ${row[0] ?? ''}`),
    ];
  } catch (error) {
    return [`  ${(error as Error).message}`];
  }
}
