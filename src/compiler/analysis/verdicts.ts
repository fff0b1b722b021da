import type { AnalyzedParam } from '../analyzed.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import { Prover } from '../nullability/prove.ts';
import type { ParameterFacts, Verdict } from '../nullability/verdict.ts';
import type { Variant } from '../variants.ts';

/** A column is never null only when it is so in every form of the query. */
export function weakest(
  whole: readonly Verdict[],
  variants: readonly Variant[],
  params: readonly AnalyzedParam[],
  database: CompileDatabase,
): Verdict[] {
  const verdicts = [...whole];
  for (const { tree, used, label } of variants) {
    if (!tree) return whole.map(() => ({ nullable: true, reason: `with ${label}: nothing is proved` }));
    const prover = new Prover(database.catalog, factsOf(used.map((i) => params[i])));
    for (const [i, verdict] of prover.columns(tree).entries())
      if (verdict.nullable && !verdicts[i]!.nullable)
        verdicts[i] = { nullable: true, reason: `with ${label}: ${verdict.reason}` };
  }
  return verdicts;
}

/** What is known of the parameters of a statement, in its order. */
export function factsOf(params: readonly (AnalyzedParam | undefined)[]): ParameterFacts {
  return {
    nullable: (n) => params[n - 1]?.nullable ?? true,
    elementsNullable: (n) => params[n - 1]?.elementsNullable ?? true,
  };
}

/** What the tree does not prove, CockroachDB's plan may. */
export function witnessed(tree: readonly Verdict[] | undefined, plan: readonly boolean[]): Verdict[] {
  return plan.map((proved, i) => {
    const verdict = tree?.[i];
    if (verdict && (!verdict.nullable || !proved)) return verdict;
    return proved
      ? { nullable: false, reason: "the plan: CockroachDB's optimizer proves it" }
      : { nullable: true, reason: 'the plan has no proof' };
  });
}

/** Where the catalog, the query tree, the plan and the author do not say the same, each of them in a line. */
export function disagreement(
  catalog: boolean | undefined,
  tree: Verdict | undefined,
  plan: boolean | undefined,
  proved: Verdict,
  final: Verdict,
): string | undefined {
  const word = (nullable: boolean) => (nullable ? 'may be null' : 'never null');
  const voices = [
    ...(catalog === undefined ? [] : [`catalog: ${word(!catalog)}`]),
    ...(tree === undefined ? [] : [`query tree: ${word(tree.nullable)} (${tree.reason})`]),
    ...(plan === undefined ? [] : [`plan: ${plan ? 'never null' : 'no proof'}`]),
    ...(final === proved ? [] : [`author: ${word(final.nullable)}`]),
  ];
  // Without a proof of its own the plan says nothing against one, except of a column as it is in its table.
  const doubted = plan === false && catalog === true && !proved.nullable;
  const disagree =
    final.nullable !== proved.nullable ||
    (catalog !== undefined && catalog === proved.nullable) ||
    (tree !== undefined && tree.nullable !== proved.nullable) ||
    doubted;
  return disagree ? voices.join('; ') : undefined;
}
