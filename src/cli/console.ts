import { type Command, Option } from 'commander';
import { addUrlOption, withDatabase } from './support/database-url.ts';
import { allFaces } from './support/faces.ts';
import { wholeNumber } from './support/numbers.ts';
import { cell } from './support/table.ts';

interface Options {
  readonly url?: string;
  readonly host: string;
  readonly port: number;
  readonly actions?: boolean;
  readonly author?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly userHeader?: string;
  readonly baseUrl?: string;
}

const CONNECTIONS = 4;

/** `holdfast console` */
export function register(program: Command): void {
  addUrlOption(program.command('console'))
    .description('pages for operators: what is stuck and why, and, with --actions, what makes it move')
    .option(
      '--host <address>',
      'where to listen; elsewhere than on loopback a token or a proxy is needed',
      '127.0.0.1',
    )
    .option('--port <number>', 'the port; 0: one that is free', wholeNumber(0, 65_535), 8090)
    .option('--actions', 'let people change something, each time with a reason for the history')
    .option('--author <name>', 'who acts, for the history; else the user of the process')
    .addOption(
      new Option(
        '--token <text>',
        'people log in with it; better in the environment than in a command line',
      ).env('HOLDFAST_CONSOLE_TOKEN'),
    )
    .addOption(
      new Option('--token-file <file>', 'the token is in it, and is read again when it changes').env(
        'HOLDFAST_CONSOLE_TOKEN_FILE',
      ),
    )
    .option('--user-header <name>', 'the header in which a proxy says who is there, such as x-forwarded-user')
    .option('--base-url <url>', 'where people reach it, where a proxy stands before it')
    .action(act);
}

async function act({ url, host, port, ...options }: Options): Promise<void> {
  const { listenForConsole } = await import('../console/index.ts');
  const faces = await allFaces();
  const { promise: told, resolve: stop } = Promise.withResolvers<void>();
  await withDatabase(
    url,
    async (db) => {
      const onError = (error: unknown) =>
        console.error(`console: ${cell(error instanceof Error ? error.message : String(error), 300)}`);
      await using server = await listenForConsole({ ...options, db, faces, onError }, { host, port });
      process.once('SIGINT', () => stop()).once('SIGTERM', () => stop());
      console.log(`the console is at ${server.url}${options.actions ? '' : ', and only reads'}; Ctrl-C ends`);
      await told;
    },
    { connections: CONNECTIONS },
  );
}
