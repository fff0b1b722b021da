import { loadModule, parseSync } from 'libpg-query';
import type { AnalyzedQuery } from '../analyzed.ts';
import type { CompileTarget } from '../config.ts';
import type { Report } from '../diagnostic.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import { indexPlan } from '../plan.ts';
import { fullScan } from './access.ts';
import { castOfIndexed } from './cast.ts';
import { madeUpName } from './column-names.ts';
import type { Finding, Lint } from './lint.ts';
import { sharedLock, unorderedLocks } from './locks.ts';
import { limitWithoutOrder, partialOrder } from './order.ts';
import { child, children, type RawNode } from './raw-tree.ts';
import { notInSubquery, sortedClaim } from './retrieval.ts';
import { clockInLease, sequentialKey, writeWithoutWhere } from './writes.ts';

/** Every rule, in order of code. docs/compiler.md describes them. */
export const lints: readonly Lint[] = [
  limitWithoutOrder,
  partialOrder,
  unorderedLocks,
  sharedLock,
  clockInLease,
  writeWithoutWhere,
  castOfIndexed,
  fullScan,
  sequentialKey,
  notInSubquery,
  sortedClaim,
  madeUpName,
];

/** The first statement of a text; undefined for syntax that is another engine's own. */
function parse(sql: string): RawNode | undefined {
  try {
    return child(children(parseSync(sql), 'stmts')[0], 'stmt');
  } catch {
    return undefined;
  }
}

/**
 * Runs every rule over a query. `-- lint:ignore CODE reason` silences one in its query; without a reason,
 * or where nothing was found, the comment itself is reported.
 */
export async function runLints(
  query: AnalyzedQuery,
  database: CompileDatabase,
  target: CompileTarget,
  report: Report,
  own: readonly Lint[] = [],
): Promise<void> {
  await loadModule();
  const { source } = query.engineQuery;
  const warn = (code: string, message: string, hint: string, at: number) =>
    report({ severity: 'warning', code, message, hint, file: source.file, at, query: source.name });
  const ignored = source.notes
    .filter((note) => note.key === 'lint:ignore')
    .map((note) => {
      const [code = '', ...reason] = note.value.split(/\s+/);
      return { code, reason: reason.join(' '), at: note.at, used: false };
    });
  const say = ({ code, hint }: Lint, { message, location }: Finding) => {
    const silence = ignored.find((note) => note.code === code);
    if (silence) silence.used = true;
    else
      warn(
        code,
        message,
        `${hint} (or -- lint:ignore ${code} reason)`,
        location === undefined ? source.tokens[0]!.at : placeOfByte(query, location),
      );
  };
  // The lints judge what the author of a :claim or :finish wrote, not the statement around it.
  const statement = parse(query.engineQuery.work?.text ?? query.engineQuery.text);
  if (statement) {
    const rules = [...lints, ...own];
    const plan = rules.some((lint) => lint.needsPlan?.(query)) ? await indexPlan(query, database) : undefined;
    const { work } = query.engineQuery;
    const unlimited = work?.command === 'claim' && work.limit !== undefined;
    const retrievalPlan = unlimited
      ? await indexPlan({ ...query, text: `${work.text}\nLIMIT 1` }, database)
      : undefined;
    const subject = { query, statement, catalog: database.catalog, target, plan, retrievalPlan };
    for (const lint of rules) for (const finding of lint.check(subject)) say(lint, finding);
  }
  for (const note of ignored) {
    if (note.reason === '')
      warn('HL090', `${note.code} is ignored without a reason`, 'write it behind the code', note.at);
    else if (!note.used && note.code !== 'HL010')
      warn('HL091', `there is no ${note.code} to ignore here`, 'take the comment away', note.at);
  }
}

function placeOfByte({ engineQuery }: AnalyzedQuery, byte: number): number {
  const { text, work } = engineQuery;
  const judged = work?.text ?? text;
  const offset = Buffer.from(judged).subarray(0, Math.max(byte, 0)).toString().length;
  return engineQuery.toSource(text.indexOf(judged) + offset);
}
