import type { TypeUse } from '../types/type-use.ts';
import { importStatement } from './layout.ts';

interface Import {
  /** By which it is called here. */
  readonly alias: string;
  isValue: boolean;
}

/** What is imported from a module, as the configuration names it: relative to `out`. Gives it relative to the importing one. */
export type Rebase = (from: string) => string;

/** Collects what a module imports while it is written, renaming what would clash with its own names or another import. */
export class ModuleImports {
  readonly #taken: Set<string>;
  readonly #modules = new Map<string, Map<string, Import>>();
  readonly #rebase: Rebase;

  constructor(own: Iterable<string>, rebase: Rebase = (from) => from) {
    this.#taken = new Set(own);
    this.#rebase = rebase;
  }

  /** The name by which a value is called here. */
  value(from: string, name: string): string {
    const known = this.#import(from, name);
    known.isValue = true;
    return known.alias;
  }

  /** The name by which a type is called here. */
  type(from: string, name: string): string {
    return this.#import(from, name).alias;
  }

  #import(module: string, name: string): Import {
    const from = this.#rebase(module);
    const names = this.#modules.get(from) ?? new Map<string, Import>();
    this.#modules.set(from, names);
    const known = names.get(name);
    if (known) return known;
    let alias = name;
    while (this.#taken.has(alias)) alias += '_';
    this.#taken.add(alias);
    const made = { alias, isValue: false };
    names.set(name, made);
    return made;
  }

  render(): string {
    const rank = (from: string) => (from.startsWith('./') ? 2 : from.startsWith('../') ? 1 : 0);
    return [...this.#modules.keys()]
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map((from) => {
        const names = [...this.#modules.get(from)!].map(([name, { alias, isValue }]) => {
          const renamed = alias === name ? name : `${name} as ${alias}`;
          return isValue ? renamed : `type ${renamed}`;
        });
        return `${importStatement(
          names,
          from,
          names.every((name) => name.startsWith('type ')),
        )}\n`;
      })
      .join('');
  }
}

/** Registers a type's imports and gives its TypeScript and its codec as they read in this module. */
export function useType(
  use: TypeUse,
  imports: ModuleImports,
  runtime: string,
  sharedModule: string | undefined,
  part: 'both' | 'type' = 'both',
): { readonly ts: string; readonly codec: string } {
  let { ts, codec } = use;
  const replace = (text: string, name: string, by: string) =>
    name === by ? text : text.replace(new RegExp(`\\b${name}\\b(?!')`, 'g'), by);
  for (const name of use.runtime) codec = replace(codec, name, imports.value(runtime, name));
  for (const name of use.runtimeTypes) ts = replace(ts, name, imports.type(runtime, name));
  if (sharedModule)
    for (const shared of use.shared) {
      if (part === 'both')
        codec = replace(codec, shared.codecName, imports.value(sharedModule, shared.codecName));
      ts = replace(ts, shared.name, imports.type(sharedModule, shared.name));
    }
  for (const { from, name, isType } of use.imports) {
    const shown = isType ? imports.type(from, name) : imports.value(from, name);
    ts = replace(ts, name, shown);
    codec = replace(codec, name, shown);
  }
  return { ts, codec };
}
