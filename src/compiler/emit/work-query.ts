import type { AnalyzedQuery } from '../analyzed.ts';
import { camelCase, identifier, pascalCase, propertyName } from '../names.ts';
import type { WorkPart } from '../source/engine-query.ts';
import { statementShape } from '../source/shape.ts';
import { isFilledIn } from '../work-query.ts';
import { nullableTs, specEntry } from './fields.ts';
import { type ModuleImports, useType } from './imports.ts';
import { arrayLiteral, queryComment, stringLiteral } from './layout.ts';

/** Writes a `:claim` or `:finish`: the author's statement; the runtime puts the wrapper around it again. */
export function emitWorkQuery(
  query: AnalyzedQuery,
  work: WorkPart,
  imports: ModuleImports,
  runtime: string,
  shared: string,
  origin: string,
): string {
  const { source } = query.engineQuery;
  const { operation, collection } = statementShape(source.tokens);
  const params = query.params.map((item) => ({ ...item, ...useType(item.use, imports, runtime, shared) }));
  const own = params.filter(({ field }) => !isFilledIn(work.command, field));
  const base = pascalCase(source.name);
  const fields = own.map((p) => `  readonly ${propertyName(p.field)}: ${nullableTs(p)};\n`);
  const type = own.length > 0 ? `${base}Params` : imports.type(runtime, 'NoParams');
  const entries = [
    `name: ${stringLiteral(source.name)}`,
    `text: ${stringLiteral(work.text)}`,
    `kind: ${stringLiteral(work.kind)}`,
    ...(work.limit === undefined ? [] : [`limit: ${work.limit}`]),
    `operation: ${stringLiteral(operation)}`,
    ...(collection === undefined ? [] : [`collection: ${stringLiteral(collection)}`]),
    `params: ${arrayLiteral(params.map(specEntry), 2, 'params: ', true)}`,
  ];
  return [
    own.length > 0 ? `export interface ${type} {\n${fields.join('')}}\n\n` : '',
    queryComment(source.doc, origin),
    `export const ${identifier(camelCase(source.name))} = ${imports.value(runtime, work.command)}<${type}>({\n`,
    ...entries.map((entry) => `  ${entry},\n`),
    '});\n',
  ].join('');
}
