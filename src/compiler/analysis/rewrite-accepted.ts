import { DatabaseError } from '../../base/index.ts';
import { bulkInsert } from '../bulk.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireDescription } from '../engine/wire.ts';
import { expandStars } from '../stars.ts';
import type { Accepted, Report } from './accept.ts';
import { describeTexts } from './describe.ts';
import { problem } from './problem.ts';

/** Expands stars and turns :copyfrom into one statement, and has the engine judge what came of it. */
export async function rewriteAccepted(
  accepted: Accepted[],
  database: CompileDatabase,
  report: Report,
): Promise<void> {
  const changed: Accepted[] = [];
  for (const item of [...accepted]) {
    const { query, description, tree } = item;
    if (query.source.command === 'copyfrom') {
      const returned = expandStars(query, description, tree);
      const bulk = bulkInsert(returned?.text ?? query.text, description.params, database.catalog);
      if ('problem' in bulk)
        report(
          problem(
            query,
            'HF050',
            `${query.source.name} cannot be :copyfrom: ${bulk.problem}`,
            'write INSERT INTO t (a, b) VALUES (@a, @b)',
          ),
        );
      else {
        item.text = bulk.text;
        item.embeds = returned?.embeds ?? item.embeds;
        changed.push(item);
      }
      continue;
    }
    if (query.work) continue;
    const expanded = expandStars(query, description, tree);
    if (!expanded) continue;
    if (query.parts) {
      accepted.splice(accepted.indexOf(item), 1);
      report(
        problem(
          query,
          'HF061',
          `${query.source.name} has optional parts and a *`,
          'list the columns by name',
        ),
      );
      continue;
    }
    item.text = expanded.text;
    item.embeds = expanded.embeds;
    changed.push(item);
  }
  const again = await describeTexts(
    changed.map((item) => item.text),
    database,
  );
  for (const [i, item] of changed.entries()) {
    const after = again[i]!;
    const names = (description: WireDescription) =>
      JSON.stringify(description.columns.map((c) => [c.name, c.typeOid]));
    if (after instanceof DatabaseError || names(after) !== names(item.description)) {
      accepted.splice(accepted.indexOf(item), 1);
      const what = item.query.source.command === 'copyfrom' ? 'be inserted in bulk' : 'have its * expanded';
      const why = after instanceof DatabaseError ? `: ${after.message}` : '';
      report(
        problem(
          item.query,
          'HF035',
          `${item.query.source.name} could not ${what}${why}`,
          'list the columns by name',
        ),
      );
    }
  }
}
