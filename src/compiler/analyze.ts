import { DatabaseError } from '../errors/index.ts';
import type { AnalyzedColumn, AnalyzedParam, AnalyzedQuery } from './analyzed.ts';
import type { CompileTarget } from './config.ts';
import { type Diagnostic, SourceError } from './diagnostic.ts';
import type { CatalogColumn, CatalogTable } from './engine/catalog.ts';
import type { CompileDatabase } from './engine/engine.ts';
import { isNode, listOf, readNodeTree, type TreeNode } from './engine/node-tree.ts';
import type { WireColumn, WireDescription } from './engine/wire.ts';
import { engineHint } from './hints.ts';
import { camelCase } from './names.ts';
import { acceptsNull, type ParameterUse, parameterUses } from './nullability/parameter-uses.ts';
import { Prover, type Verdict } from './nullability/prove.ts';
import type { EngineQuery } from './source/parameters.ts';
import { statementShape } from './source/shape.ts';
import { TypeResolver, typeName } from './types/resolve-type.ts';

/** Offset in UTF-16 units of the n-th character (from 1). */
function characterOffset(text: string, position: number): number {
  let offset = 0;
  let count = 1;
  for (const character of text) {
    if (count === position) break;
    offset += character.length;
    count++;
  }
  return offset;
}

/** The main query of a statement's rewritten trees. */
function mainTree(description: WireDescription): TreeNode | undefined {
  if (description.tree === undefined) return undefined;
  const trees = listOf(readNodeTree(description.tree)).filter(isNode);
  return trees.find((tree) => tree.fields['canSetTag'] === 'true') ?? trees[0];
}

function originOf(
  column: WireColumn,
  database: CompileDatabase,
): { table: CatalogTable; column: CatalogColumn } | undefined {
  const table = database.catalog.tables.get(column.tableOid);
  const found = table?.columns.find((candidate) => candidate.attribute === column.attribute);
  return table && found ? { table, column: found } : undefined;
}

/** Describes the queries of one target and works out types, nullability and names. Problems are reported. */
export async function analyze(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  target: CompileTarget,
  report: (diagnostic: Diagnostic) => void,
): Promise<AnalyzedQuery[]> {
  const resolver = new TypeResolver(database.catalog, target);
  const descriptions = await database.describe(queries.map((query) => query.text));
  const analyzed: AnalyzedQuery[] = [];
  for (const [i, query] of queries.entries()) {
    const description = descriptions[i]!;
    if (description instanceof DatabaseError) {
      const at =
        description.position === undefined
          ? query.source.tokens[0]!.at
          : query.toSource(characterOffset(query.text, description.position));
      report({
        severity: 'error',
        code: description.code,
        message: description.message,
        hint: description.hint ?? engineHint(description, database.engine.cockroach),
        file: query.source.file,
        at,
        query: query.source.name,
      });
      continue;
    }
    try {
      analyzed.push(analyzeOne(query, description, database, target, resolver));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      report(error.diagnostic);
    }
  }
  return analyzed;
}

function analyzeOne(
  query: EngineQuery,
  description: WireDescription,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedQuery {
  const { catalog } = database;
  const fail = (code: string, message: string, hint: string, at: number) =>
    new SourceError({
      severity: 'error',
      code,
      message,
      hint,
      file: query.source.file,
      at,
      query: query.source.name,
    });
  const tree = mainTree(description);
  const uses = tree ? parameterUses(tree, catalog) : new Map<number, ParameterUse>();
  const sqlName = (oid: number) => {
    const type = catalog.types.get(oid);
    return type === undefined
      ? 'unknown'
      : type.kind === 'array'
        ? `${typeName(catalog.types.get(type.element) ?? type)}[]`
        : typeName(type);
  };

  const fields = new Set<string>();
  const params: AnalyzedParam[] = description.params.map((oid, i) => {
    const source = query.params[i];
    const use = uses.get(i + 1);
    const column = use?.assigned[0] ?? use?.compared[0];
    let field = camelCase(source?.name ?? column?.column.name ?? `param${i + 1}`);
    if (source?.name === undefined)
      for (let n = 2; fields.has(field); n++) field = `${field.replace(/\d+$/, '')}${n}`;
    else if (fields.has(field))
      throw fail(
        'HF032',
        `two parameters would be called ${field}`,
        'name one of them differently',
        source.at,
      );
    fields.add(field);
    const override = target.overrideFor(
      query.source.name,
      source?.name ?? field,
      column && `${column.table.schema}.${column.table.name}.${column.column.name}`,
    );
    const typmod = column && column.column.typeOid === oid ? column.column.typmod : -1;
    const nullable = override?.nullable ?? (source?.nullable || acceptsNull(use));
    return {
      field,
      sqlType: sqlName(oid),
      use:
        override && hasType(override)
          ? resolver.override(override, oid, typmod)
          : resolver.resolve(oid, typmod, true),
      nullable,
      reason: source?.nullable
        ? 'sqlc.narg'
        : nullable
          ? 'stored in a column that takes NULL, or tested for NULL'
          : 'not nullable',
    };
  });

  const prover = new Prover(catalog, { nullable: (n) => params[n - 1]?.nullable ?? true });
  const verdicts = tree ? prover.columns(tree) : undefined;
  const elements = tree ? prover.elements(tree) : undefined;
  const marked = new Set<string>();
  const seen = new Map<string, number>();
  const columns: AnalyzedColumn[] = description.columns.map((column, i) => {
    if (column.name === '?column?' || column.name === '')
      throw fail(
        'HF030',
        `column ${i + 1} of ${query.source.name} has no name`,
        'give it one with AS',
        query.source.nameAt,
      );
    const field = camelCase(column.name);
    if (field === '')
      throw fail(
        'HF030',
        `column ${column.name} has no name that TypeScript takes`,
        'give it one with AS',
        query.source.nameAt,
      );
    if (seen.has(field))
      throw fail(
        'HF031',
        `two columns of ${query.source.name} would be called ${field}`,
        'give one of them another name with AS',
        query.source.nameAt,
      );
    seen.set(field, i);
    const origin = originOf(column, database);
    const mark = query.marks.get(column.name);
    if (mark) marked.add(column.name);
    const override = target.overrideFor(
      query.source.name,
      column.name,
      origin && `${origin.table.schema}.${origin.table.name}.${origin.column.name}`,
    );
    const proved: Verdict = verdicts?.[i] ?? { nullable: true, reason: 'no proof was found' };
    const verdict: Verdict = mark
      ? {
          nullable: mark.nullable,
          reason: `the author says so: "${column.name}${mark.nullable ? '?' : '!'}"`,
        }
      : override?.nullable !== undefined
        ? { nullable: override.nullable, reason: 'the configuration says so' }
        : proved;
    const noNullElements = elements?.[i]?.nullable === false;
    return {
      name: column.name,
      field,
      sqlType: sqlName(column.typeOid),
      use:
        override && hasType(override)
          ? resolver.override(override, column.typeOid, column.typmod)
          : resolver.resolve(column.typeOid, column.typmod, noNullElements),
      nullable: verdict.nullable,
      reason: verdict.reason,
      doc: origin?.column.comment,
    };
  });
  for (const [name, mark] of query.marks)
    if (!marked.has(name))
      throw fail(
        'HF033',
        `no column of ${query.source.name} is called ${name}`,
        'the mark ! or ? belongs to a column of the result',
        mark.at,
      );
  checkCommand(query, columns.length, fail);
  return {
    source: query.source,
    engineQuery: query,
    text: query.text,
    ...statementShape(query.source.tokens),
    params,
    columns: query.source.command === 'exec' || query.source.command === 'execrows' ? [] : columns,
    tree,
  };
}

function hasType(override: { as?: unknown; type?: unknown; codec?: unknown; zod?: unknown }): boolean {
  return [override.as, override.type, override.codec, override.zod].some((part) => part !== undefined);
}

function checkCommand(
  query: EngineQuery,
  columns: number,
  fail: (code: string, message: string, hint: string, at: number) => SourceError,
): void {
  const { command, name, nameAt } = query.source;
  const wantsRows = command === 'one' || command === 'maybe' || command === 'many' || command === 'iter';
  if (wantsRows && columns === 0)
    throw fail(
      'HF034',
      `${name} is :${command} but returns no columns`,
      'add RETURNING, or make it :exec or :execrows',
      nameAt,
    );
}
