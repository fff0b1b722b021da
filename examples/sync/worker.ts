/** A worker process: syncs the mirror once, and tells its parent how far it is. */
import { connect } from '../../src/index.ts';
import { openStore } from '../../src/sync/index.ts';
import { startTelemetry } from '../telemetry/index.ts';
import { syncOnce } from './mirror.ts';

process.once('disconnect', () => process.exit(1));
const telemetry = await startTelemetry({ service: 'holdfast-sync-worker' });
await using db = await connect();
const store = await openStore(process.argv[2]!);
await syncOnce(db, store, { onProgress: (step) => process.send?.(step) });
await telemetry[Symbol.asyncDispose]();
process.disconnect?.();
