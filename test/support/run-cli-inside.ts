import { run } from '../../src/cli/program.ts';
import type { CliResult } from './run-cli.ts';

/** Runs `holdfast` with these arguments in this process: no start-up to wait for. One at a time. */
export async function runCliInside(args: readonly string[]): Promise<CliResult> {
  const said = { stdout: '', stderr: '' };
  const restore: (() => void)[] = [];
  for (const stream of ['stdout', 'stderr'] as const) {
    const write = process[stream].write;
    process[stream].write = ((text: string) => {
      said[stream] += text;
      return true;
    }) as typeof write;
    restore.push(() => {
      process[stream].write = write;
    });
  }
  for (const [method, stream] of [
    ['log', 'stdout'],
    ['error', 'stderr'],
  ] as const) {
    const say = console[method];
    console[method] = (...words: unknown[]) => {
      said[stream] += `${words.join(' ')}\n`;
    };
    restore.push(() => {
      console[method] = say;
    });
  }
  try {
    return { code: await run(args), ...said };
  } finally {
    process.exitCode = undefined;
    for (const undo of restore) undo();
  }
}
