import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalidOption } from '../../base/index.ts';
import { digest } from '../manifest.ts';
import type { Rule, RuleValue } from '../rule.ts';
import type { SourceFile } from '../source/source-file.ts';
import type { Lint } from './lint.ts';

/** Loads the rules of a target. Throws MisuseError, naming what is wrong with which of them. */
export async function loadRules(root: string, file: SourceFile): Promise<Lint[]> {
  const url = pathToFileURL(path.resolve(root, file.path));
  // A run that watches loads a changed module anew.
  url.search = digest(file.text);
  const loaded = (await import(url.href).catch((cause: unknown) => {
    throw invalidOption('"rules"', `${file.path} cannot be loaded: ${(cause as Error).message}`, { cause });
  })) as { readonly default?: unknown };
  if (!Array.isArray(loaded.default))
    throw invalidOption('"rules"', `${file.path} has no array of rules as its default export`);
  return loaded.default.map((rule: unknown, i) => {
    if (!isRule(rule))
      throw invalidOption(
        '"rules"',
        `rule ${i} of ${file.path} has to have a code such as ACME1 (not HF or HL), a hint and a function check`,
      );
    return lintOf(rule);
  });
}

function isRule(value: unknown): value is Rule {
  const { code, hint, check } = (value ?? {}) as Partial<Rule>;
  const isCode = typeof code === 'string' && /^(?!H[FL])[A-Z][A-Z0-9]*$/.test(code);
  return isCode && typeof hint === 'string' && typeof check === 'function';
}

function lintOf(rule: Rule): Lint {
  return {
    code: rule.code,
    hint: rule.hint,
    needsPlan: () => rule.plan === true,
    check({ query, statement, plan }) {
      const { engineQuery, params, columns } = query;
      const { source } = engineQuery;
      const value = ({
        field,
        sqlType,
        use,
        nullable,
      }: (typeof columns | typeof params)[number]): RuleValue => ({
        ...{ field, sqlType, ts: use.ts, nullable },
      });
      try {
        return [
          ...rule.check({
            name: source.name,
            command: source.command,
            sql: engineQuery.work?.text ?? engineQuery.text,
            statement,
            params: params.map(value),
            columns: columns.map(value),
            plan: rule.plan ? plan : undefined,
          }),
        ];
      } catch (cause) {
        throw invalidOption(`rule ${rule.code}`, `failed at ${source.name}: ${(cause as Error).message}`, {
          cause,
        });
      }
    },
  };
}
