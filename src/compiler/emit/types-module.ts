import type { CompileTarget } from '../config.ts';
import { propertyName } from '../names.ts';
import type { SharedType } from '../types/type-use.ts';
import { ModuleImports, useType } from './imports.ts';
import { arrayLiteral, lineWidth, stringLiteral } from './layout.ts';
import { header } from './module.ts';
import { inOrder } from './shared-types.ts';

/** Writes the module of the schema's own types: enums as unions, composites as interfaces, with codecs. */
export function emitTypesModule(types: readonly SharedType[], target: CompileTarget): string {
  const imports = new ModuleImports(types.flatMap((type) => [type.name, type.codecName, labelsName(type)]));
  const body = inOrder(types)
    .map((type) => (type.kind === 'enum' ? emitEnum : emitComposite)(type, imports, target.runtime))
    .join('\n');
  return `${header(`the types of ${target.schema.join(', ') || 'the database'}`)}${imports.render()}\n${body}`;
}

const labelsName = ({ codecName }: SharedType) => codecName.replace(/Codec$/, 'Labels');

function emitEnum(type: SharedType, imports: ModuleImports, runtime: string): string {
  const labels = type.labels.map(stringLiteral);
  const flat = `export type ${type.name} = ${labels.join(' | ') || 'never'};`;
  const union =
    flat.length <= lineWidth
      ? flat
      : `export type ${type.name} =\n${labels.map((label) => `  | ${label}`).join('\n')};`;
  const enumOf = imports.value(runtime, 'enumOf');
  const names = labelsName(type);
  const lead = `export const ${names} = `;
  const list = `${lead}${arrayLiteral(labels, 0, `${lead} as const`, false)} as const;`;
  const codec = `export const ${type.codecName} = ${enumOf}<${type.name}>(${stringLiteral(type.sqlName)}, ${names});`;
  return `/** The enum ${type.sqlName}. */\n${union}\n\n/** Its labels, in their order. */\n${list}\n\n${codec}\n`;
}

function emitComposite(type: SharedType, imports: ModuleImports, runtime: string): string {
  const compositeOf = imports.value(runtime, 'compositeOf');
  const fields = type.fields.map((field) => ({
    name: field.name,
    notNull: field.notNull,
    ...useType(field.use, imports, runtime, undefined),
  }));
  const entries = fields.map(
    (field) => `[${stringLiteral(field.name)}, ${field.codec}${field.notNull ? ", 'notnull'" : ''}]`,
  );
  const doc = fields.some(({ notNull }) => notNull)
    ? `A row of ${type.sqlName}.`
    : `The composite type ${type.sqlName}. The server lets every field be null.`;
  const lead = `export const ${type.codecName} = ${compositeOf}<${type.name}>(${stringLiteral(type.sqlName)}, `;
  return `/** ${doc} */
export interface ${type.name} {
${fields.map((field) => `  readonly ${propertyName(field.name)}: ${field.ts}${field.notNull || field.ts === 'unknown' ? '' : ' | null'};\n`).join('')}}

${lead}${arrayLiteral(entries, 0, `${lead})`, true)});
`;
}
