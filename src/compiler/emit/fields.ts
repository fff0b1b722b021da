import type { AnalyzedParam } from '../analyzed.ts';
import { stringLiteral } from './layout.ts';

/** Parameters that stand by themselves, or the fields of an object, or of each object of a list. */
export interface ParamGroup<P> {
  readonly owner: string | undefined;
  readonly list: boolean;
  readonly items: readonly { readonly field: string; readonly param: P }[];
}

/** The fields of `user.name` and `users[].name` put together, in order of the first of each. */
export function grouped<P extends Pick<AnalyzedParam, 'field'>>(params: readonly P[]): ParamGroup<P>[] {
  const groups = new Map<
    string,
    { owner: string | undefined; list: boolean; items: { field: string; param: P }[] }
  >();
  for (const param of params) {
    const [, owner, list, field] = /^([^.[]+)(\[\])?\.(.+)$/.exec(param.field) ?? [];
    const key = owner === undefined ? param.field : `${owner}.`;
    const group = groups.get(key) ?? { owner, list: list !== undefined, items: [] };
    group.items.push({ field: field ?? param.field, param });
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** A parameter or a column as it reads in the module. */
export type Shown<T> = T & { readonly ts: string; readonly codec: string };

export const nullableTs = ({ ts, nullable }: { readonly ts: string; readonly nullable: boolean }) =>
  nullable && ts !== 'unknown' && ts !== 'JsonValue' ? `${ts} | null` : ts;

/** What the definition of a query has of it. */
export const specEntry = (item: Shown<{ readonly field: string; readonly nullable: boolean }>) =>
  `[${stringLiteral(item.field)}, ${item.codec}${item.nullable ? ", 'null'" : ''}]`;
