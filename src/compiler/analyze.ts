import { DatabaseError } from '../errors/index.ts';
import type { AnalyzedColumn, AnalyzedEmbed, AnalyzedParam, AnalyzedQuery } from './analyzed.ts';
import { bulkInsert } from './bulk.ts';
import type { ColumnOverride, CompileTarget } from './config.ts';
import { type Diagnostic, SourceError } from './diagnostic.ts';
import type { CatalogColumn, CatalogTable } from './engine/catalog.ts';
import type { CompileDatabase } from './engine/engine.ts';
import { isNode, listOf, readNodeTree, type TreeNode } from './engine/node-tree.ts';
import type { WireColumn, WireDescription } from './engine/wire.ts';
import { engineHint } from './hints.ts';
import { camelCase } from './names.ts';
import { proveOnCockroach } from './nullability/cockroach.ts';
import { acceptsNull, type ParameterUse, parameterUses } from './nullability/parameter-uses.ts';
import { Prover, type Verdict } from './nullability/prove.ts';
import type { EngineQuery } from './source/parameters.ts';
import { statementShape } from './source/shape.ts';
import { expandStars } from './stars.ts';
import { JsonTypes } from './types/json-types.ts';
import { TypeResolver, typeName } from './types/resolve-type.ts';
import { type Variant, variantsOf } from './variants.ts';
import { workHint } from './work-query.ts';

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

/** A query that the engine accepted, with the text that is to be sent. */
interface Accepted {
  readonly query: EngineQuery;
  readonly description: WireDescription;
  readonly tree: TreeNode | undefined;
  text: string;
  /** What the other forms of a query with optional parts were found to be. */
  variants: readonly Variant[];
  /** Table of sqlc.embed by output column. */
  embeds: ReadonlyMap<number, string>;
}

type Report = (diagnostic: Diagnostic) => void;

/** Describes the queries of one target and works out types, nullability and names. Problems are reported. */
export async function analyze(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  target: CompileTarget,
  report: Report,
): Promise<AnalyzedQuery[]> {
  const resolver = new TypeResolver(database.catalog, target);
  const accepted = await describeQueries(queries, database, report);
  await rewriteAccepted(accepted, database, report);
  await describeVariants(accepted, database, report);
  const analyzed: AnalyzedQuery[] = [];
  for (const item of accepted) {
    try {
      analyzed.push(analyzeOne(item, database, target, resolver));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      report(error.diagnostic);
    }
  }
  return analyzed;
}

/** CockroachDB gives no position, but names what it means: the first token that is so called. */
function placeOfName({ source }: EngineQuery, message: string): number {
  const name = /"([^"]+)"/.exec(message)?.[1]?.split('.').at(-1);
  const token = source.tokens.find(({ text }) => text.toLowerCase() === name || text === `"${name}"`);
  return (token ?? source.tokens[0]!).at;
}

async function describeQueries(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  report: Report,
): Promise<Accepted[]> {
  const descriptions = await database.describe(queries.map((query) => query.text));
  const accepted: Accepted[] = [];
  for (const [i, query] of queries.entries()) {
    const description = descriptions[i]!;
    if (description instanceof DatabaseError) {
      const { position } = description;
      report({
        severity: 'error',
        code: description.code,
        message: description.message,
        hint:
          description.hint ??
          workHint(query, description) ??
          engineHint(description, database.engine.cockroach),
        file: query.source.file,
        at:
          position === undefined
            ? placeOfName(query, description.message)
            : query.toSource(characterOffset(query.text, position)),
        query: query.source.name,
      });
    } else
      accepted.push({
        query,
        description,
        tree: mainTree(description),
        text: query.text,
        variants: [],
        embeds: new Map(),
      });
  }
  return accepted;
}

/** Expands stars and turns :copyfrom into one statement, and has the engine judge what came of it. */
async function rewriteAccepted(
  accepted: Accepted[],
  database: CompileDatabase,
  report: Report,
): Promise<void> {
  const changed: Accepted[] = [];
  for (const item of [...accepted]) {
    const { query, description, tree } = item;
    if (query.source.command === 'copyfrom') {
      const bulk = bulkInsert(query, description.params, database.catalog);
      if ('problem' in bulk)
        report(
          problem(
            query,
            'HF050',
            `${query.source.name} cannot be :copyfrom: ${bulk.problem}`,
            'write INSERT INTO t (a, b) VALUES (@a, @b)',
          ),
        );
      else {
        item.text = bulk.text;
        changed.push(item);
      }
      continue;
    }
    if (query.work) continue;
    const expanded = expandStars(query, description, tree);
    if (!expanded) continue;
    if (query.parts) {
      accepted.splice(accepted.indexOf(item), 1);
      report(
        problem(
          query,
          'HF061',
          `${query.source.name} has optional parts and a *`,
          'list the columns by name',
        ),
      );
      continue;
    }
    item.text = expanded.text;
    item.embeds = expanded.embeds;
    changed.push(item);
  }
  const again = await database.describe(changed.map((item) => item.text));
  for (const [i, item] of changed.entries()) {
    const after = again[i]!;
    const names = (description: WireDescription) =>
      JSON.stringify(description.columns.map((c) => [c.name, c.typeOid]));
    if (after instanceof DatabaseError || names(after) !== names(item.description)) {
      accepted.splice(accepted.indexOf(item), 1);
      const what = item.query.source.command === 'copyfrom' ? 'be inserted in bulk' : 'have its * expanded';
      const why = after instanceof DatabaseError ? `: ${after.message}` : '';
      report(
        problem(
          item.query,
          'HF035',
          `${item.query.source.name} could not ${what}${why}`,
          'list the columns by name',
        ),
      );
    }
  }
}

/** Prepares every other form of the queries with optional parts. */
async function describeVariants(
  accepted: Accepted[],
  database: CompileDatabase,
  report: Report,
): Promise<void> {
  const pending = accepted.flatMap((item) => variantsOf(item.query).map((variant) => ({ item, variant })));
  const answers = await database.describe(pending.map(({ variant }) => variant.text));
  const shape = ({ columns }: WireDescription) => JSON.stringify(columns.map((c) => [c.name, c.typeOid]));
  for (const [i, { item, variant }] of pending.entries()) {
    const answer = answers[i]!;
    const refused = (why: string) => {
      const index = accepted.indexOf(item);
      if (index < 0) return;
      accepted.splice(index, 1);
      const hint = 'every form that the function can build is prepared by itself; this one is not valid';
      report(problem(item.query, 'HF062', `${item.query.source.name} with ${variant.label}: ${why}`, hint));
    };
    if (answer instanceof DatabaseError) refused(answer.message);
    else if (shape(answer) !== shape(item.description))
      refused('its columns are not those of the whole query');
    else if (answer.params.some((oid, k) => oid !== item.description.params[variant.used[k]!]))
      refused('a parameter has another type than in the whole query; cast it');
    else item.variants = [...item.variants, { ...variant, tree: mainTree(answer) }];
  }
}

function problem(
  query: EngineQuery,
  code: string,
  message: string,
  hint: string,
  at = query.source.nameAt,
): Diagnostic {
  return { severity: 'error', code, message, hint, file: query.source.file, at, query: query.source.name };
}

function analyzeOne(
  { query, description, tree, text, embeds, variants }: Accepted,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedQuery {
  const params = analyzeParams(query, description, tree, database, target, resolver);
  const silent = ['exec', 'execrows', 'batchexec'].includes(query.source.command);
  const columns = analyzeColumns(
    query,
    description,
    tree,
    variants,
    params,
    embeds,
    database,
    target,
    resolver,
  );
  checkCommand(query, description.columns.length);
  return {
    source: query.source,
    engineQuery: query,
    text,
    ...statementShape(query.source.tokens),
    params,
    columns: silent ? [] : columns.columns,
    embeds: silent ? [] : columns.embeds,
    tree,
  };
}

function sqlTypeName(oid: number, database: CompileDatabase): string {
  const { types } = database.catalog;
  const type = types.get(oid);
  if (!type) return 'unknown';
  return type.kind === 'array' ? `${typeName(types.get(type.element) ?? type)}[]` : typeName(type);
}

function analyzeParams(
  query: EngineQuery,
  description: WireDescription,
  tree: TreeNode | undefined,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): AnalyzedParam[] {
  const uses = tree ? parameterUses(tree, database.catalog) : new Map<number, ParameterUse>();
  const fields = new Set<string>();
  return description.params.map((oid, i) => {
    const source = query.params[i];
    const use = uses.get(i + 1);
    const column = use?.assigned[0] ?? use?.compared[0];
    let field = camelCase(source?.name ?? column?.column.name ?? `param${i + 1}`);
    if (source?.name === undefined) {
      const base = field;
      for (let n = 2; fields.has(field); n++) field = `${base}${n}`;
    } else if (fields.has(field))
      throw new SourceError(
        problem(
          query,
          'HF032',
          `two parameters would be called ${field}`,
          'name one of them differently',
          source.at,
        ),
      );
    fields.add(field);
    const origin = column && `${column.table.schema}.${column.table.name}.${column.column.name}`;
    const override = target.overrideFor(query.source.name, source?.name ?? field, origin);
    const typmod = column && column.column.typeOid === oid ? column.column.typmod : -1;
    const nullable = override?.nullable ?? (!source?.required && (source?.nullable || acceptsNull(use)));
    if (query.parts && field === 'orderBy')
      throw new SourceError(
        problem(
          query,
          'HF032',
          'a parameter called orderBy',
          'name it differently: orderBy chooses the order',
        ),
      );
    return {
      optional: source?.optional ?? false,
      field,
      sqlType: sqlTypeName(oid, database),
      use:
        override && hasType(override)
          ? resolver.override(override, oid, typmod)
          : resolver.resolve(oid, typmod, true),
      nullable,
      reason: source?.nullable
        ? 'asked for by sqlc.narg'
        : nullable
          ? 'stored in a column that takes NULL, or tested for NULL'
          : 'used where NULL has no meaning',
    };
  });
}

function analyzeColumns(
  query: EngineQuery,
  description: WireDescription,
  tree: TreeNode | undefined,
  variants: readonly Variant[],
  params: readonly AnalyzedParam[],
  embedded: ReadonlyMap<number, string>,
  database: CompileDatabase,
  target: CompileTarget,
  resolver: TypeResolver,
): { columns: AnalyzedColumn[]; embeds: AnalyzedEmbed[] } {
  const fail = (code: string, message: string, hint: string, at?: number) =>
    new SourceError(problem(query, code, message, hint, at));
  const name = query.source.name;
  const prover = new Prover(database.catalog, { nullable: (n) => params[n - 1]?.nullable ?? true });
  const verdicts = tree
    ? weakest(prover.columns(tree), variants, params, database)
    : database.engine.cockroach
      ? proveOnCockroach(query.source.tokens, description, database.catalog)
      : undefined;
  const elements = tree
    ? prover
        .elements(tree)
        .map((verdict, i) =>
          variants.every((v) => v.tree && !prover.elements(v.tree)[i]?.nullable) ? verdict : undefined,
        )
    : undefined;
  const marked = new Set<string>();
  const seen = new Set<string>();
  const embeds: AnalyzedEmbed[] = [];
  const columns = description.columns.map((column, i): AnalyzedColumn => {
    if (column.name === '?column?' || camelCase(column.name) === '')
      throw fail(
        'HF030',
        `column ${i + 1} of ${name} has no name that TypeScript takes`,
        'give it one with AS',
      );
    const field = camelCase(column.name);
    const embed = embedded.get(i);
    const key = embed === undefined ? field : `${camelCase(embed)}.${field}`;
    if (seen.has(key))
      throw fail(
        'HF031',
        `two columns of ${name} would be called ${field}`,
        'give one of them another name with AS',
      );
    seen.add(key);
    let proved: Verdict = verdicts?.[i] ?? { nullable: true, reason: 'no proof was found' };
    if (embed !== undefined && tree) {
      const { missing, inner } = prover.embedded(tree, i);
      proved = inner;
      const last = embeds.at(-1);
      if (last && last.to === i && last.field === camelCase(embed))
        embeds[embeds.length - 1] = { ...last, to: i + 1, nullable: last.nullable || missing };
      else {
        if (seen.has(camelCase(embed)))
          throw fail(
            'HF031',
            `two columns of ${name} would be called ${camelCase(embed)}`,
            'give one of them another name with AS',
          );
        seen.add(camelCase(embed));
        embeds.push({ field: camelCase(embed), from: i, to: i + 1, nullable: missing });
      }
    }
    const origin = originOf(column, database);
    const mark = query.marks.get(column.name);
    if (mark) marked.add(column.name);
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
    const sqlType = sqlTypeName(column.typeOid, database);
    const json =
      expression && (sqlType === 'json' || sqlType === 'jsonb')
        ? new JsonTypes(database.catalog, target, prover).use(expression, sqlType)
        : undefined;
    const catalogSays = origin?.column.notNull;
    return {
      name: column.name,
      field,
      sqlType,
      use:
        override && hasType(override)
          ? resolver.override(override, column.typeOid, column.typmod)
          : (json ?? resolver.resolve(column.typeOid, column.typmod, elements?.[i]?.nullable === false)),
      nullable: verdict.nullable,
      reason: verdict.reason,
      disagreement: disagreement(catalogSays, proved, verdict),
      doc: origin?.column.comment,
    };
  });
  for (const [column, mark] of query.marks)
    if (!marked.has(column))
      throw fail(
        'HF033',
        `no column of ${name} is called ${column}`,
        'the mark ! or ? belongs to a column of the result',
        mark.at,
      );
  return { columns, embeds };
}

/** A column is never null only when it is so in every form of the query. */
function weakest(
  whole: readonly Verdict[],
  variants: readonly Variant[],
  params: readonly AnalyzedParam[],
  database: CompileDatabase,
): Verdict[] {
  const verdicts = [...whole];
  for (const { tree, used, label } of variants) {
    if (!tree) continue;
    const prover = new Prover(database.catalog, { nullable: (n) => params[used[n - 1]!]?.nullable ?? true });
    for (const [i, verdict] of prover.columns(tree).entries())
      if (verdict.nullable && !verdicts[i]!.nullable)
        verdicts[i] = { nullable: true, reason: `with ${label}: ${verdict.reason}` };
  }
  return verdicts;
}

/** Where the catalog, the query tree and the author do not say the same, each of them in a line. */
function disagreement(catalog: boolean | undefined, tree: Verdict, final: Verdict): string | undefined {
  const word = (nullable: boolean) => (nullable ? 'may be null' : 'never null');
  const voices = [
    ...(catalog === undefined ? [] : [`catalog: ${word(!catalog)}`]),
    `query tree: ${word(tree.nullable)} (${tree.reason})`,
    ...(final === tree ? [] : [`author: ${word(final.nullable)}`]),
  ];
  const disagree = (catalog !== undefined && catalog === tree.nullable) || final.nullable !== tree.nullable;
  return disagree ? voices.join('; ') : undefined;
}

function hasType(override: ColumnOverride): boolean {
  return [override.as, override.type, override.codec, override.zod].some((part) => part !== undefined);
}

function checkCommand(query: EngineQuery, columns: number): void {
  const { command, name } = query.source;
  if (['one', 'maybe', 'many', 'iter', 'batchone', 'batchmany'].includes(command) && columns === 0)
    throw new SourceError(
      problem(
        query,
        'HF034',
        `${name} is :${command} but returns no columns`,
        'add RETURNING, or make it :exec or :execrows',
      ),
    );
}
