// A worker process of the operations' tests: all stages of both pipelines, until it is killed. Says `up`, and ends with its
// parent.
import { connect } from '../../../src/index.ts';
import { runStages } from './stages.ts';

const [url, driver] = process.argv.slice(2) as [string, 'pg' | 'postgres'];
const db = await connect({ url, driver });
// Dead so long after its last heartbeat; a host that holds it up costs it its sessions, and the stages go on elsewhere.
runStages(db, { intervalMs: 2_000, pollIntervalMs: 50 });
console.log('up');
process.stdin.resume().once('end', () => process.exit());
