import { DatabaseError } from '../../base/index.ts';
import { withoutSystemTime } from '../cockroach/dialect.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireDescription } from '../engine/wire.ts';

/** No such database, schema, table, column or type: as of then. */
const missing = new Set(['3D000', '3F000', '42P01', '42703', '42704']);

/**
 * Describes statements. Those that read the past may read what was before the database that is compiled in was
 * made: CockroachDB is then asked about the present.
 */
export async function describeTexts(
  texts: readonly string[],
  database: CompileDatabase,
): Promise<(WireDescription | DatabaseError)[]> {
  const answers = await database.describe(texts);
  if (!database.engine.cockroach) return answers;
  const present = texts.map((text, i) => {
    const answer = answers[i];
    return answer instanceof DatabaseError && missing.has(answer.code) ? withoutSystemTime(text) : text;
  });
  const again = [...present.keys()].filter((i) => present[i] !== texts[i]);
  for (const [k, answer] of (await database.describe(again.map((i) => present[i]!))).entries())
    answers[again[k]!] = answer;
  return answers;
}
