import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../../artifacts/support/files.ts';
import { freePort } from '../../support/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Whether a program of Prometheus is on PATH (Debian: the package prometheus). */
export const has = (program: 'prometheus' | 'promtool') =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;

/** What a query gives: a value for each series, not a number where there was nothing to divide by. */
export type Answer = readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];

export interface Prometheus extends AsyncDisposable {
  /** Throws what Prometheus says of an expression that it cannot evaluate. */
  query(expression: string): Promise<Answer>;
}

/** A Prometheus of this test alone, which scrapes `target` (host and port) every second. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const held = new AsyncDisposableStack();
  const { path } = held.use(await temporaryFolder());
  const config = join(path, 'prometheus.yaml');
  const data = join(path, 'data');
  await mkdir(data);
  const scrape = { job_name: 'program', static_configs: [{ targets: [target] }] };
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: [scrape] }));
  const url = `http://127.0.0.1:${await freePort()}`;
  const process = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${url.slice('http://'.length)}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  process.stderr.on('data', (text) => {
    said += text;
  });
  const ended = once(process, 'exit');
  held.defer(async () => {
    process.kill();
    await ended;
  });
  try {
    await waitFor(
      async () => {
        if (process.exitCode !== null) throw new Error(`prometheus has ended: ${said}`);
        return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok;
      },
      { what: 'Prometheus to be ready' },
    );
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
  return {
    query: async (expression) => {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`);
      const { error, data } = (await response.json()) as {
        readonly error?: string;
        readonly data?: { readonly result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      if (!data) throw new Error(`${expression}: ${error}`);
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
