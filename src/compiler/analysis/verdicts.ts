import type { AnalyzedParam } from '../analyzed.ts';
import type { CompileDatabase } from '../engine/engine.ts';
import { Prover } from '../nullability/prove.ts';
import type { Verdict } from '../nullability/verdict.ts';
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
    const prover = new Prover(database.catalog, { nullable: (n) => params[used[n - 1]!]?.nullable ?? true });
    for (const [i, verdict] of prover.columns(tree).entries())
      if (verdict.nullable && !verdicts[i]!.nullable)
        verdicts[i] = { nullable: true, reason: `with ${label}: ${verdict.reason}` };
  }
  return verdicts;
}

/** Where the catalog, the query tree and the author do not say the same, each of them in a line. */
export function disagreement(
  catalog: boolean | undefined,
  tree: Verdict,
  final: Verdict,
): string | undefined {
  const word = (nullable: boolean) => (nullable ? 'may be null' : 'never null');
  const voices = [
    ...(catalog === undefined ? [] : [`catalog: ${word(!catalog)}`]),
    `query tree: ${word(tree.nullable)} (${tree.reason})`,
    ...(final === tree ? [] : [`author: ${word(final.nullable)}`]),
  ];
  const disagree = (catalog !== undefined && catalog === tree.nullable) || final.nullable !== tree.nullable;
  return disagree ? voices.join('; ') : undefined;
}
