import type pg from 'pg';
import { DatabaseError } from '../../base/index.ts';
import type { Catalog } from './catalog.ts';
import { isNode, listOf, readNodeTree, type TreeNode } from './node-tree.ts';
import { describeAll } from './wire.ts';

/** The analysed queries behind the materialized views, by OID, in a session that prints trees. */
export async function readMaterialized(
  client: pg.Client,
  { tables, dialect }: Catalog,
): Promise<Map<number, TreeNode>> {
  const found = new Map<number, TreeNode>();
  const views = [...tables.values()].filter(({ kind }) => kind === 'materialized view');
  if (views.length === 0 || dialect === 'cockroachdb') return found;
  const { rows } = await client.query<{ oid: string; definition: string }>({
    text: 'SELECT oid::TEXT, pg_catalog.pg_get_viewdef(oid) AS definition FROM unnest($1::OID[]) AS oid',
    values: [views.map(({ oid }) => oid)],
  });
  const described = await describeAll(
    client,
    rows.map(({ definition }) => definition),
  );
  for (const [i, { oid }] of rows.entries()) {
    const answer = described[i]!;
    if (answer instanceof DatabaseError || answer.tree === undefined) continue;
    const tree = listOf(readNodeTree(answer.tree)).find(isNode);
    if (tree) found.set(Number(oid), tree);
  }
  return found;
}
