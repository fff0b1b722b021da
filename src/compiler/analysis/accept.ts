import { DatabaseError } from '../../base/index.ts';
import { planProof } from '../cockroach/plan-proof.ts';
import { problem, type Report } from '../diagnostic.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import type { WireDescription } from '../engine/wire.ts';
import type { EngineQuery } from '../source/engine-query.ts';
import { variantsOf } from '../variants.ts';
import type { Accepted } from './accepted.ts';
import { describeTexts } from './describe.ts';
import { mainTree, prepareTrees } from './main-tree.ts';
import { refusal } from './refusal.ts';
import { rewriteAccepted } from './rewrite-accepted.ts';

/** Describes the queries, rewrites those that are sent otherwise than written, and prepares every form of them. */
export async function acceptQueries(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  report: Report,
): Promise<Accepted[]> {
  await prepareTrees(database);
  const accepted = await describeQueries(queries, database, report);
  await askPlans(accepted, database);
  await rewriteAccepted(accepted, database, report);
  await describeVariants(accepted, database, report);
  return accepted;
}

async function describeQueries(
  queries: readonly EngineQuery[],
  database: CompileDatabase,
  report: Report,
): Promise<Accepted[]> {
  const descriptions = await describeTexts(
    queries.map((query) => query.text),
    database,
  );
  const accepted: Accepted[] = [];
  for (const [i, query] of queries.entries()) {
    const description = descriptions[i]!;
    if (description instanceof DatabaseError)
      report(refusal(query, description, database.engine.cockroach, database.catalog.tables.values()));
    else
      accepted.push({
        query,
        description,
        tree: mainTree(query.text, description, database),
        text: query.text,
        variants: [],
        plan: undefined,
        embeds: new Map(),
      });
  }
  return accepted;
}

/** CockroachDB's plan is the second witness, and the only one for syntax that our tree lacks. */
async function askPlans(accepted: readonly Accepted[], database: CompileDatabase): Promise<void> {
  if (!database.engine.cockroach) return;
  for (const item of accepted) item.plan = await planProof(item.query.text, item.description, database);
}

/** Prepares every other form of the queries with optional parts. */
async function describeVariants(
  accepted: Accepted[],
  database: CompileDatabase,
  report: Report,
): Promise<void> {
  const pending = accepted.flatMap((item) => variantsOf(item.query).map((variant) => ({ item, variant })));
  const answers = await describeTexts(
    pending.map(({ variant }) => variant.text),
    database,
  );
  const shape = ({ columns }: WireDescription) => JSON.stringify(columns.map((c) => [c.name, c.typeOid]));
  for (const [i, { item, variant }] of pending.entries()) {
    const answer = answers[i]!;
    const refused = (why: string) => {
      const index = accepted.indexOf(item);
      if (index < 0) return;
      accepted.splice(index, 1);
      const hint = 'every form that the function can build is prepared by itself; this one is not valid';
      const { source } = item.query;
      report(problem(source, 'HF062', `${source.name} with ${variant.label}: ${why}`, hint).diagnostic);
    };
    if (answer instanceof DatabaseError) refused(answer.message);
    else if (shape(answer) !== shape(item.description))
      refused('its columns are not those of the whole query');
    else if (answer.params.some((oid, k) => oid !== item.description.params[variant.used[k]!]))
      refused('a parameter has another type than in the whole query; cast it');
    else {
      item.variants = [...item.variants, { ...variant, tree: mainTree(variant.text, answer, database) }];
      const plan = item.plan && (await planProof(variant.text, answer, database));
      item.plan = plan && item.plan?.map((proved, k) => proved && plan[k] === true);
    }
  }
}
