/** `npm run demo`: the whole of the reference fleet on this machine, killed and healed before your eyes. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { addUrlOption } from '../../../src/cli/support/database-url.ts';

const exampleInventory = fileURLToPath(new URL('../inventory.yaml', import.meta.url));

interface DemoFlags {
  readonly inventory: string;
  readonly url?: string;
  readonly plain: boolean;
  readonly console?: boolean;
}

export function register(program: Command): void {
  addUrlOption(program.command('demo'))
    .description('run the reference fleet with real processes, kill some, watch it heal, check the outcome')
    .option('--inventory <file>', 'YAML file with the machines', exampleInventory)
    .option('--plain', 'plain lines in a terminal too', false)
    .option('--console', 'pages to look into it; goes on until Ctrl-C, with a machine that waits for you')
    .action(async (flags: DemoFlags) => {
      const { runDemo } = await import('../demo/run.ts');
      process.exitCode = await runDemo(flags);
    });
}
