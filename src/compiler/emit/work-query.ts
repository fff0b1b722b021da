import type { AnalyzedQuery } from '../analyzed.ts';
import { camelCase, identifier, pascalCase, propertyName } from '../names.ts';
import type { WorkPart } from '../source/engine-query.ts';
import { isFilledIn } from '../work-query.ts';
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
  const params = query.params.map((item) => ({ ...item, ...useType(item.use, imports, runtime, shared) }));
  const own = params.filter(({ field }) => !isFilledIn(work.command, field));
  const base = pascalCase(query.source.name);
  const nullable = (ts: string, may: boolean) =>
    may && ts !== 'unknown' && ts !== 'JsonValue' ? `${ts} | null` : ts;
  const fields = own.map((p) => `  readonly ${propertyName(p.field)}: ${nullable(p.ts, p.nullable)};\n`);
  const type = own.length > 0 ? `${base}Params` : imports.type(runtime, 'NoParams');
  const specs = params.map((p) => `[${stringLiteral(p.field)}, ${p.codec}${p.nullable ? ", 'null'" : ''}]`);
  const entries = [
    `name: ${stringLiteral(query.source.name)}`,
    `text: ${stringLiteral(work.text)}`,
    `kind: ${stringLiteral(work.kind)}`,
    ...(work.limit === undefined ? [] : [`limit: ${work.limit}`]),
    `operation: ${stringLiteral(query.operation)}`,
    ...(query.collection === undefined ? [] : [`collection: ${stringLiteral(query.collection)}`]),
    `params: ${arrayLiteral(specs, 2, 'params: ', true)}`,
  ];
  return [
    own.length > 0 ? `export interface ${type} {\n${fields.join('')}}\n\n` : '',
    queryComment(query.source.doc, origin),
    `export const ${identifier(camelCase(query.source.name))} = ${imports.value(runtime, work.command)}<${type}>({\n`,
    ...entries.map((entry) => `  ${entry},\n`),
    '});\n',
  ].join('');
}
