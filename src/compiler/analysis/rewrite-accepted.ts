import { DatabaseError } from '../../base/index.ts';
import { bulkInsert, spreadRows } from '../bulk.ts';
import { problem, type Report } from '../diagnostic.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireDescription } from '../engine/wire.ts';
import { edited, expandStars, findStars } from '../stars.ts';
import type { Accepted } from './accepted.ts';
import { describeTexts } from './describe.ts';
import { withNames } from './refusal.ts';

/** Expands stars, sends lists of rows as lists, and has the engine judge what came of it. */
export async function rewriteAccepted(
  accepted: Accepted[],
  database: CompileDatabase,
  report: Report,
): Promise<void> {
  const changed: Accepted[] = [];
  const refuse = (item: Accepted, code: string, message: string, hint: string, at?: number) => {
    accepted.splice(accepted.indexOf(item), 1);
    const { source } = item.query;
    report(problem(source, code, `${source.name} ${message}`, hint, at).diagnostic);
  };
  for (const item of [...accepted]) {
    const { query, description, tree } = item;
    const { params } = description;
    const expanded = query.work ? undefined : expandStars(query, description, tree);
    const stars = edited(query.text, expanded?.edits ?? []);
    if (query.source.command === 'copyfrom') {
      // What is wrong is said of the statement as it was written.
      const written = bulkInsert(query.text, params, database.catalog);
      const bulk = 'problem' in written ? written : bulkInsert(stars, params, database.catalog);
      if ('problem' in bulk) {
        const what = withNames(query, bulk.problem);
        refuse(
          item,
          'HF050',
          `cannot be :copyfrom: ${what}`,
          'write INSERT INTO t (a, b) VALUES (@a, @b)',
          query.toSource(bulk.at),
        );
        continue;
      }
      item.text = bulk.text;
    } else if (expanded && query.parts) {
      refuse(item, 'HF061', 'has optional parts and a *', 'list the columns by name', placeOfStar(item));
      continue;
    } else
      item.text = edited(query.text, [
        ...(expanded?.edits ?? []),
        ...spreadRows(query, params, database.catalog),
      ]);
    item.embeds = expanded?.embeds ?? item.embeds;
    if (item.text !== query.text) changed.push(item);
  }
  const again = await describeTexts(
    changed.map((item) => item.text),
    database,
  );
  for (const [i, item] of changed.entries()) {
    const after = again[i]!;
    const names = (description: WireDescription) =>
      JSON.stringify(description.columns.map((c) => [c.name, c.typeOid]));
    const refused = after instanceof DatabaseError;
    if (!refused && names(after) === names(item.description)) continue;
    const star = placeOfStar(item);
    const many = item.query.source.command === 'copyfrom' || item.query.spreads.length > 0;
    const what = many ? 'be sent with a list of rows' : 'have its * expanded';
    const why = refused ? `: ${after.message}` : '';
    const hint =
      star === undefined ? 'write it for one row, and call it by :batch' : 'list the columns by name';
    refuse(item, 'HF035', `could not ${what}${why}`, hint, star);
  }
}

function placeOfStar({ query }: Accepted): number | undefined {
  const [star] = findStars(query);
  return star && query.toSource(star.from);
}
