import { startEmbedded } from '../src/database/embedded/index.ts';
import { openEngine } from '../src/compiler/engine/engine.ts';
import { Prover } from '../src/compiler/nullability/prove.ts';
import { anyParameters } from '../src/compiler/nullability/verdict.ts';
import { mainTree } from '../src/compiler/analysis/main-tree.ts';
import { readFileSync } from 'node:fs';
const [schema, ...sqls] = readFileSync(0, 'utf8').split('\n;;\n');
const url = process.env.PG_URL;
const server = url ? { url, stop: async () => {} } : await startEmbedded();
const engine = await openEngine({ url: server.url, stop: () => server.stop() });
const db = await engine.database([{ path: 's.sql', text: schema! }]);
for (const sql of sqls) {
  if (!sql.trim()) continue;
  const [d] = await db.describe([sql.trim()]);
  console.log('##', sql.trim());
  if (d instanceof Error) { console.log('ERR', d.message); continue; }
  const tree = mainTree(sql, d!, db)!;
  if (process.env.TREE) console.log(d!.tree);
  console.log(new Prover(db.catalog, anyParameters).columns(tree).map((v) => `${v.nullable ? 'NULLABLE' : 'never'}: ${v.reason}`).join('\n'));
}
await engine.close();
