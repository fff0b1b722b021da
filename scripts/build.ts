// Builds dist from src: JavaScript, type declarations and the console's script, nothing else, nothing stale.
import { execFileSync } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeConsoleAssets } from './console-assets.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(
  /package\.json$/,
  'bin/tsc',
);

await rm(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
await chmod(`${root}dist/cli/main.js`, 0o755);
const script = await writeConsoleAssets(`${root}dist/console/assets`);
console.log(`the console's script has ${script} bytes gzipped`);
