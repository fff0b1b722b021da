import type { AnalyzedColumn, AnalyzedEmbed, AnalyzedParam } from '../analyzed.ts';
import { type CompileTarget, hasType } from '../config.ts';
import { problem } from '../diagnostic.ts';
import type { CatalogColumn, CatalogTable } from '../engine/catalog.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireColumn } from '../engine/wire.ts';
import { Prover } from '../nullability/prove.ts';
import type { Verdict } from '../nullability/verdict.ts';
import { arrayDimensions } from '../types/array-dimensions.ts';
import { JsonTypes } from '../types/json-types.ts';
import type { TypeResolver } from '../types/resolve-type.ts';
import { sqlTypeName } from '../types/sql-type-name.ts';
import type { TypeUse } from '../types/type-use.ts';
import type { Accepted } from './accepted.ts';
import { layOut } from './layout.ts';
import { tableRow } from './table-row.ts';
import { disagreement, factsOf, weakest, witnessed } from './verdicts.ts';

export function analyzeColumns(
  { query, description, tree, variants, plan, embeds: embedded }: Accepted,
  params: readonly AnalyzedParam[],
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): { columns: AnalyzedColumn[]; embeds: AnalyzedEmbed[]; row?: TypeUse | undefined } {
  const name = query.source.name;
  const prover = new Prover(database.catalog, factsOf(params));
  const treeSays = tree && weakest(prover.columns(tree), variants, params, database);
  const verdicts = plan ? witnessed(treeSays, plan) : treeSays;
  const elements = tree
    ? prover
        .elements(tree)
        .map((verdict, i) =>
          variants.every((v) => v.tree && !prover.elements(v.tree)[i]?.nullable) ? verdict : undefined,
        )
    : undefined;
  const { fields, objects } = layOut(
    description.columns.map((column) => column.name),
    embedded,
    target.fieldOf,
  );
  const missing = new Set<number>();
  const columns = description.columns.map((column, i): AnalyzedColumn => {
    const field = fields[i]!;
    const embed = embedded.get(i);
    let proved: Verdict = verdicts?.[i] ?? { nullable: true, reason: 'no proof was found' };
    if (embed !== undefined && tree) {
      const within = prover.embedded(tree, i);
      proved = within.inner;
      if (within.missing) missing.add(i);
    }
    const origin = originOf(column, database);
    const mark = query.marks.get(column.name);
    const path = origin && `${origin.table.schema}.${origin.table.name}.${origin.column.name}`;
    const override = target.overrideFor(name, column.name, path);
    const verdict: Verdict = mark
      ? {
          nullable: mark.nullable,
          reason: `the author says so: "${column.name}${mark.nullable ? '?' : '!'}"`,
        }
      : override?.nullable !== undefined
        ? { nullable: override.nullable, reason: 'the configuration says so' }
        : proved;
    // The shape of JSON is read from one form only, so not where there are several.
    const expression = tree && !query.parts ? prover.locate(tree, i) : undefined;
    const sqlType = sqlTypeName(column.typeOid, database.catalog);
    const json =
      expression && (sqlType === 'json' || sqlType === 'jsonb')
        ? new JsonTypes(database.catalog, target, prover).use(expression, sqlType)
        : undefined;
    const dimensions =
      override?.dimensions ??
      (expression ? arrayDimensions(expression, prover, database.catalog) : origin?.column.dimensions) ??
      1;
    const rowType = expression && prover.wholeRow(expression);
    const row = rowType === undefined ? undefined : resolver.row(rowType);
    const elementsNotNull = elements?.[i]?.nullable === false;
    const catalogSays = origin?.column.notNull;
    return {
      name: column.name,
      field,
      sqlType,
      use:
        override && hasType(override)
          ? resolver.override(override, column.typeOid, column.typmod)
          : (json ??
            row ??
            resolver.resolve(column.typeOid, column.typmod, elementsNotNull || undefined, dimensions)),
      nullable: verdict.nullable,
      reason: verdict.reason,
      disagreement:
        embed === undefined
          ? disagreement(catalogSays, treeSays?.[i], plan?.[i], proved, verdict)
          : disagreement(catalogSays, proved, undefined, proved, verdict),
      doc: origin?.column.comment,
    };
  });
  for (const [column, mark] of query.marks) {
    const called = description.columns.filter((candidate) => candidate.name === column).length;
    if (called === 0)
      throw problem(
        query.source,
        'HF033',
        `no column of ${name} is called ${column}`,
        'the mark ! or ? belongs to a column of the result',
        mark.at,
      );
    if (called > 1)
      throw problem(
        query.source,
        'HF031',
        `${called} columns of ${name} are called ${column}`,
        'a marked column needs a name of its own: give it another with AS',
        mark.at,
      );
  }
  const rowOf = (from: number, to: number) =>
    target.tableTypes
      ? tableRow(columns.slice(from, to), description.columns.slice(from, to), database.catalog, resolver)
      : undefined;
  const embeds = objects.map(({ field, from, to }) => ({
    field,
    from,
    to,
    nullable: [...missing].some((i) => i >= from && i < to),
    row: rowOf(from, to),
  }));
  return { columns, embeds, row: embeds.length === 0 ? rowOf(0, columns.length) : undefined };
}

function originOf(
  column: WireColumn,
  database: CompileDatabase,
): { table: CatalogTable; column: CatalogColumn } | undefined {
  const table = database.catalog.tables.get(column.tableOid);
  const found = table?.columns.find((candidate) => candidate.attribute === column.attribute);
  return table && found ? { table, column: found } : undefined;
}
