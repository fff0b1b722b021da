import { isNode, listOf, nodesOf, numberOf, type TreeNode } from './engine/node-tree.ts';
import type { WireDescription } from './engine/wire.ts';
import { childNodes } from './nullability/query-tree.ts';
import type { EngineQuery } from './source/engine-query.ts';
import { sqlIdentifier } from './source/keywords.ts';
import { type Token, tokenize } from './source/lexer.ts';
import { isCode } from './source/query-file.ts';

/** A `*` of a select list in the text that is sent. */
export interface Star {
  /** Offset where `*` or `t.*` begins. */
  readonly from: number;
  readonly to: number;
  /** `t.` as written, or nothing. */
  readonly qualifier: string;
  /** Field of sqlc.embed. */
  readonly embed: string | undefined;
}

/** Finds the stars that stand for columns: not `count(*)`, not a product. */
export function findStars(query: EngineQuery): Star[] {
  const code = tokenize(query.text).filter(isCode);
  const stars: Star[] = [];
  for (const [i, token] of code.entries()) {
    if (token.text !== '*') continue;
    const previous = code[i - 1];
    if (!previous) continue;
    const opens =
      /^(select|distinct|all|returning)$/i.test(previous.text) ||
      previous.text === ',' ||
      previous.text === ')';
    let first = i;
    if (previous.text === '.') {
      first = i - 2;
      while (code[first - 1]?.text === '.') first -= 2;
      const name = code[i - 2];
      if (name?.kind !== 'word' && name?.kind !== 'quoted') continue;
    } else if (!opens || !endsItem(code[i + 1])) continue;
    const from = code[first]!.at;
    stars.push({
      from,
      to: token.at + 1,
      qualifier: query.text.slice(from, token.at),
      embed: query.embeds.get(token.at),
    });
  }
  return stars;
}

function endsItem(next: Token | undefined): boolean {
  return (
    next === undefined ||
    /^(,|\)|;|from|where|into|union|intersect|except|order|limit|for|returning|group)$/i.test(next.text)
  );
}

/** Other text for what stands between two offsets. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The text with all of its edits made, none of which reaches into another. */
export function edited(text: string, edits: readonly Edit[]): string {
  let whole = text;
  for (const edit of [...edits].sort((a, b) => b.from - a.from))
    whole = whole.slice(0, edit.from) + edit.text + whole.slice(edit.to);
  return whole;
}

export interface ExpandedStars {
  readonly edits: readonly Edit[];
  /** Output columns (by index) that came from each embedded table, in order. */
  readonly embeds: ReadonlyMap<number, string>;
}

/** Replaces the stars by the columns that the engine resolved them to; undefined when there are none. */
export function expandStars(
  query: EngineQuery,
  description: WireDescription,
  tree: TreeNode | undefined,
): ExpandedStars | undefined {
  const stars = findStars(query);
  if (stars.length === 0) return undefined;
  const embeds = new Map<number, string>();
  const edits: Edit[] = [];
  for (const star of stars) {
    const columns = tree
      ? columnsAt(tree, Buffer.byteLength(query.text.slice(0, star.from)), star)
      : untreed(stars, star, description);
    if (!columns || columns.length === 0) continue;
    edits.push({ from: star.from, to: star.to, text: columns.join(', ') });
  }
  if (tree) {
    const outputs = nodesOf(
      numberOf(tree.fields['commandType']) === 1 ? tree.fields['targetList'] : tree.fields['returningList'],
    ).filter((entry) => entry.fields['resjunk'] !== 'true');
    for (const star of stars) {
      if (star.embed === undefined) continue;
      const at = Buffer.byteLength(query.text.slice(0, star.from));
      for (const [i, entry] of outputs.entries())
        if (isNode(entry.fields['expr']) && numberOf(entry.fields['expr'].fields['location']) === at)
          embeds.set(i, star.embed);
    }
  }
  return edits.length === 0 ? undefined : { edits, embeds };
}

/** Without a tree: one star, alone in the select list, stands for all that was described. */
function untreed(stars: readonly Star[], star: Star, description: WireDescription): string[] | undefined {
  if (stars.length !== 1) return undefined;
  return description.columns.map((column) => `${star.qualifier}${sqlIdentifier(column.name)}`);
}

/** The columns that the star at a byte offset became, as SQL. */
function columnsAt(tree: TreeNode, location: number, star: Star): string[] | undefined {
  const found: { query: TreeNode; entries: TreeNode[] }[] = [];
  const visit = (node: TreeNode): void => {
    if (node.type === 'QUERY')
      for (const key of ['targetList', 'returningList']) {
        const entries = nodesOf(node.fields[key]).filter(
          (entry) =>
            isNode(entry.fields['expr']) &&
            entry.fields['expr'].type === 'VAR' &&
            numberOf(entry.fields['expr'].fields['location']) === location,
        );
        if (entries.length > 0) found.push({ query: node, entries });
      }
    for (const child of childNodes(node)) visit(child);
  };
  visit(tree);
  const owner = found[0];
  if (!owner) return undefined;
  const rtable = nodesOf(owner.query.fields['rtable']);
  const inFrom = rtable.filter(
    (rte) => rte.fields['inFromCl'] === 'true' && numberOf(rte.fields['rtekind']) !== 2,
  ).length;
  return owner.entries.map((entry) => {
    const variable = (entry.fields['expr'] as TreeNode).fields;
    const rte = rtable[numberOf(variable['varnosyn'] ?? variable['varno']) - 1];
    const eref = rte?.fields['eref'];
    const name = isNode(eref)
      ? listOf(eref.fields['colnames'])[numberOf(variable['varattnosyn'] ?? variable['varattno']) - 1]
      : undefined;
    const column = sqlIdentifier(typeof name === 'string' ? name : String(entry.fields['resname']));
    if (star.qualifier !== '') return `${star.qualifier}${column}`;
    const alias = isNode(eref) ? String(eref.fields['aliasname']) : '';
    return inFrom < 2 || alias === 'unnamed_join' ? column : `${sqlIdentifier(alias)}.${column}`;
  });
}
