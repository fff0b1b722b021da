import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { exitCodeOf, reportError } from './support/report-error.ts';
import { UsageError } from './support/usage-error.ts';

/** A command's file: adds its command, with options and help, and loads what it needs only when it runs. */
export type Register = (program: Command) => void;

/** Loads a command's file. */
export type LoadCommand = () => Promise<{ readonly register: Register }>;

/** Every command. A new one is a line here and a file beside this one. */
const holdfastCommands: readonly LoadCommand[] = [
  () => import('./compile.ts'),
  () => import('./migrate.ts'),
  () => import('./work.ts'),
  () => import('./explain.ts'),
  () => import('./history.ts'),
  () => import('./operations.ts'),
  () => import('./commands.ts'),
  () => import('./workflows.ts'),
  () => import('./repo.ts'),
  () => import('./console.ts'),
];

/** What goes wrong is thrown; `run` says it. */
const quiet = { outputError: () => {}, writeErr: () => {} };

/** Builds the program. */
export async function createProgram(commands = holdfastCommands): Promise<Command> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const program = new Command('holdfast')
    .description(manifest.description)
    .version(manifest.version)
    .exitOverride();
  for (const { register } of await Promise.all(commands.map((load) => load()))) register(program);
  for (const command of leaves(program)) {
    command
      .exitOverride()
      .option('--debug', 'show stack traces of errors (also HOLDFAST_DEBUG=1)')
      .configureOutput(quiet);
  }
  return program.configureOutput(quiet);
}

/** Runs one command line and returns the exit code: 0, 1 for a failure, 2 for wrong usage, or the command's own. */
export async function run(args: readonly string[], commands = holdfastCommands): Promise<number> {
  const debug = args.includes('--debug') || process.env['HOLDFAST_DEBUG'] === '1';
  try {
    if (args.length === 0) throw new UsageError('name a command: holdfast --help lists them');
    const program = await createProgram(commands);
    settleEnvironment(program);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    reportError(error, { debug });
    return exitCodeOf(error);
  }
}

/**
 * An empty variable counts as none. Commander takes a flag without a value for given when its variable is there,
 * whatever it says: here `false` means no.
 */
function settleEnvironment(program: Command): void {
  for (const { envVar, long, required, optional } of leaves(program).flatMap(({ options }) => options)) {
    const value = envVar === undefined ? undefined : process.env[envVar];
    if (envVar === undefined || value === undefined) continue;
    const isSwitch = !required && !optional;
    if (isSwitch && !['', 'true', '1', 'false', '0'].includes(value))
      throw new UsageError(`${envVar}: "${value}" is neither true nor false; it stands for ${long}`);
    if (value === '' || (isSwitch && ['false', '0'].includes(value))) delete process.env[envVar];
  }
}

function leaves(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...leaves(child)]);
}
