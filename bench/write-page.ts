import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CompileResults } from './compile/results.ts';
import { page } from './page.ts';
import type { Results } from './results.ts';
import type { StepResults } from './steps/results.ts';
import type { SyncResults } from './sync/results.ts';
import type { TelemetryResults } from './telemetry/results.ts';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

async function read<T>(path: string): Promise<T | undefined> {
  return existsSync(file(path)) ? (JSON.parse(await readFile(file(path), 'utf8')) as T) : undefined;
}

/** Writes docs/performance.md from all the results that there are, whichever bench has just run. */
export async function writePage(): Promise<void> {
  const text = page(
    await read<Results>('results/latest.json'),
    await read<CompileResults>('results/compile.json'),
    await read<TelemetryResults>('results/telemetry.json'),
    await read<SyncResults>('results/sync.json'),
    await read<StepResults>('results/steps.json'),
  );
  await writeFile(file('../docs/performance.md'), text);
}
