import type { AnalyzedQuery } from '../analyzed.ts';
import { camelCase, propertyName } from '../names.ts';
import type { SharedType, TypeUse } from '../types/type-use.ts';
import { grouped } from './fields.ts';
import type { Rebase } from './imports.ts';
import { stringLiteral } from './layout.ts';
import { header } from './module.ts';
import { inOrder, sharedTypes } from './shared-types.ts';

/** Writes zod schemas of the parameters and rows of a module, for those who import them. */
export function emitSchemasModule(path: string, queries: readonly AnalyzedQuery[], rebase: Rebase): string {
  const imports = new Map<string, Set<string>>();
  const zod = (use: TypeUse) => {
    for (const { from: module, name, isType } of use.imports) {
      const from = rebase(module);
      if (!isType) imports.set(from, (imports.get(from) ?? new Set()).add(name));
    }
    return use.zod;
  };
  const body: string[] = [];
  for (const shared of inOrder(sharedTypes(queries))) body.push(sharedSchema(shared));
  for (const query of queries) {
    const name = camelCase(query.engineQuery.source.name);
    const field = (item: { field: string; use: TypeUse; nullable: boolean }, indent: string): string =>
      `${indent}${propertyName(item.field)}: ${zod(item.use)}${item.nullable ? '.nullable()' : ''}`;
    if (query.params.length > 0)
      body.push(`export const ${name}Params = z.object({\n${paramsSchema(query, field)}});\n`);
    if (query.columns.length > 0)
      body.push(`export const ${name}Row = z.object({\n${rowSchema(query, field)}});\n`);
  }
  const more = [...imports]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([from, names]) => `import { ${[...names].sort().join(', ')} } from '${from}';\n`);
  return `${header(path)}import { z } from 'zod';\n${more.join('')}\n${body.join('\n')}`;
}

type FieldSchema = (item: { field: string; use: TypeUse; nullable: boolean }, indent: string) => string;

function paramsSchema(query: AnalyzedQuery, schema: FieldSchema): string {
  return grouped(query.params)
    .map(({ owner, list, items }) => {
      const pad = owner === undefined ? '  ' : list ? '      ' : '    ';
      const lines = items.map(
        ({ field, param }) => `${schema({ ...param, field }, pad)}${param.optional ? '.optional()' : ''},\n`,
      );
      if (owner === undefined) return lines.join('');
      return list
        ? `  ${propertyName(owner)}: z.array(\n    z.object({\n${lines.join('')}    }),\n  ),\n`
        : `  ${propertyName(owner)}: z.object({\n${lines.join('')}  }),\n`;
    })
    .join('');
}

function rowSchema(query: AnalyzedQuery, field: FieldSchema): string {
  const lines: string[] = [];
  for (let i = 0; i < query.columns.length; i++) {
    const embed = query.embeds.find((candidate) => candidate.from === i);
    if (!embed) {
      lines.push(`${field(query.columns[i]!, '  ')},\n`);
      continue;
    }
    // Biome breaks the chain of a nullable one, and hugs the other.
    const pad = embed.nullable ? '    ' : '  ';
    lines.push(`  ${propertyName(embed.field)}: ${embed.nullable ? 'z\n    .object({' : 'z.object({'}\n`);
    for (; i < embed.to; i++) lines.push(`${field(query.columns[i]!, `${pad}  `)},\n`);
    i--;
    lines.push(`${pad}})${embed.nullable ? '\n    .nullable()' : ''},\n`);
  }
  return lines.join('');
}

function sharedSchema(type: SharedType): string {
  const name = `${type.codecName}Schema`;
  if (type.kind === 'enum')
    return `export const ${name} = z.enum([${type.labels.map(stringLiteral).join(', ')}]);\n`;
  const fields = type.fields.map(
    ({ name: field, use, notNull }) =>
      `  ${propertyName(field)}: ${use.zod}${notNull ? '' : '.nullable()'},\n`,
  );
  return `export const ${name} = z.object({\n${fields.join('')}});\n`;
}
