import type { AnalyzedParam } from '../analyzed.ts';

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
