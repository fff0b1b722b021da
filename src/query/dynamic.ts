import { MisuseError, valueNamed } from '../base/index.ts';
import type { DynamicPart, QueryDefinition } from './definition.ts';

/** What `orderBy` takes: a column of the list, ascending unless told otherwise. */
export interface OrderBy<Column extends string> {
  readonly column: Column;
  readonly direction?: 'asc' | 'desc' | undefined;
}

export interface StatementText {
  readonly text: string;
  /** Index of the parameter behind $1, $2, ... */
  readonly used: readonly number[];
}

const whole = new WeakMap<QueryDefinition, StatementText>();

/** The text for these parameters: nothing is in it but pieces that were compiled. */
export function statementText(
  definition: QueryDefinition,
  params: Readonly<Record<string, unknown>>,
): StatementText {
  if (definition.parts) return assemble(definition, definition.parts, params);
  const known = whole.get(definition) ?? { text: definition.text, used: definition.params.map((_, i) => i) };
  whole.set(definition, known);
  return known;
}

function assemble(
  definition: QueryDefinition,
  parts: readonly DynamicPart[],
  params: Readonly<Record<string, unknown>>,
): StatementText {
  const used: number[] = [];
  let text = '';
  const place = (part: string | number) => {
    if (typeof part === 'string') text += part;
    else {
      const at = used.indexOf(part);
      text += `$${at < 0 ? used.push(part) : at + 1}`;
    }
  };
  for (const part of parts) {
    if (typeof part === 'string' || typeof part === 'number') place(part);
    else if ('when' in part) {
      const fields = part.when.map((i) => definition.params[i]![0]);
      const given = fields.filter((field) => valueNamed(params, field) !== undefined);
      if (given.length > 0 && given.length < fields.length)
        throw new MisuseError(
          'HOLDFAST_INVALID_PARAMETER',
          `${definition.name}: ${fields.join(' and ')} go together: give all of them or none`,
        );
      if (given.length > 0) part.parts.forEach(place);
    } else text += orderText(definition, part, params['orderBy']);
  }
  return { text, used };
}

function orderText(
  definition: QueryDefinition,
  part: { readonly order: string; readonly choices: Readonly<Record<string, string>> },
  chosen: unknown,
): string {
  if (chosen === undefined || chosen === null) return part.order;
  const { column, direction = 'asc' } = chosen as OrderBy<string>;
  if (!Object.hasOwn(part.choices, column) || (direction !== 'asc' && direction !== 'desc'))
    throw new MisuseError(
      'HOLDFAST_INVALID_PARAMETER',
      `${definition.name}: orderBy is one of ${Object.keys(part.choices).join(', ')}, asc or desc`,
    );
  return `${part.choices[column]} ${direction.toUpperCase()}`;
}
