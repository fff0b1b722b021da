import { join } from 'node:path';
import { startEmbedded } from '../../src/database/embedded/index.ts';
import { readPostmasterFile } from '../../src/database/embedded/postmaster.ts';

const [mode, dir] = process.argv.slice(2);
const server = await startEmbedded(dir ? { dir } : {});
const postmaster = (await readPostmasterFile(join(server.dir, 'data')))?.processId;
console.log(JSON.stringify({ url: server.url, dir: server.dir, postmaster }));
if (mode === 'hold') setInterval(() => {}, 60_000);
