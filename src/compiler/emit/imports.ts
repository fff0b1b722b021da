import type { TypeUse } from '../types/resolve-type.ts';
import { importStatement } from './layout.ts';

/** Collects what a module imports while it is written, renaming what would clash with its own names. */
export class ModuleImports {
  readonly #own: ReadonlySet<string>;
  readonly #modules = new Map<string, Map<string, boolean>>();

  constructor(own: Iterable<string>) {
    this.#own = new Set(own);
  }

  /** The name by which a value is called here. */
  value(from: string, name: string): string {
    this.#names(from).set(name, true);
    return this.#own.has(name) ? `${name}_` : name;
  }

  /** The name by which a type is called here. */
  type(from: string, name: string): string {
    const names = this.#names(from);
    if (!names.has(name)) names.set(name, false);
    return this.#own.has(name) ? `${name}_` : name;
  }

  #names(from: string): Map<string, boolean> {
    const known = this.#modules.get(from) ?? new Map<string, boolean>();
    this.#modules.set(from, known);
    return known;
  }

  render(): string {
    const rank = (from: string) => (from.startsWith('./') ? 2 : from.startsWith('../') ? 1 : 0);
    return [...this.#modules.keys()]
      .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map((from) => {
        const names = [...this.#modules.get(from)!].map(([name, isValue]) => {
          const renamed = this.#own.has(name) ? `${name} as ${name}_` : name;
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
): { readonly ts: string; readonly codec: string } {
  let { ts, codec } = use;
  const replace = (text: string, name: string, by: string) =>
    name === by ? text : text.replace(new RegExp(`\\b${name}\\b(?!')`, 'g'), by);
  for (const name of use.runtime) codec = replace(codec, name, imports.value(runtime, name));
  for (const name of use.runtimeTypes) ts = replace(ts, name, imports.type(runtime, name));
  if (sharedModule)
    for (const shared of use.shared) {
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
