/** The flags of the fleet's commands. Each that configures a component has its environment variable. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addUrlOption } from '../../../src/cli/support/database-url.ts';
import { milliseconds, wholeNumber } from '../../../src/cli/support/numbers.ts';
import type { Address } from '../../telemetry/index.ts';

/** Flags whose values are the same wherever they appear; each has its environment variable. */
export interface CommonFlags {
  url?: string;
  driver?: 'pg' | 'postgres';
  connections: number;
  parallelism: number;
  sessionIntervalMs: number;
  pollIntervalMs: number;
  health: Address;
  metrics?: Address;
  graceMs: number;
  logLevel: string;
  stopOnStdinEnd: boolean;
}

export interface ProviderFlags {
  provider: ProviderName;
  machinesDirectory?: string;
  machinesNamespace?: string;
  machineTemplate: string;
  agentApi: string[];
  agentHeartbeatMs: number;
  agentLostAfterMs: number;
  createDelayMs: number;
  bootDelayMs: number;
}

export interface ConsoleFlags {
  pages: Address;
  tokenFile?: string;
  userHeader?: string;
  baseUrl?: string;
  actions: boolean;
}

export function address(text: string): Address {
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new InvalidArgumentError(
      'It is to be <host>:<port>, such as 127.0.0.1:8080; port 0 takes a free one.',
    );
  return { host: host.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0', port: Number(port) };
}

export function urls(text: string): string[] {
  const list = text.split(',').map((part) => part.trim());
  // An agent signs the path, so the API must see it as it was sent: no prefix.
  for (const url of list)
    if (!/^https?:\/\/[^/?#@]+\/?$/.test(url) || !URL.canParse(url))
      throw new InvalidArgumentError(
        'It is to be http:// or https:// URLs of host and port, without a path, separated by commas.',
      );
  return list;
}

const variable = (flags: string) =>
  `HOLDFAST_FLEET_${/--([a-z-]+)/.exec(flags)![1]!.replaceAll('-', '_').toUpperCase()}`;

export const option = (flags: string, description: string) =>
  new Option(flags, description).env(variable(flags));

export function withCommon(command: Command): Command {
  return addUrlOption(command)
    .addOption(
      new Option('--driver <name>', 'database driver').env('HOLDFAST_DRIVER').choices(['pg', 'postgres']),
    )
    .addOption(
      new Option('--connections <n>', 'database connections at most')
        .env('HOLDFAST_POOL_MAX')
        .argParser(wholeNumber(1, 10_000))
        .default(4),
    )
    .addOption(
      option('--parallelism <n>', 'machines worked on at once, per process')
        .argParser(wholeNumber(1, 10_000))
        .default(8),
    )
    .addOption(
      option('--session-interval-ms <ms>', 'how long a replica may be dead before others take over')
        .argParser(milliseconds(100, 3_600_000))
        .default(5_000),
    )
    .addOption(
      option('--poll-interval-ms <ms>', 'how often an idle replica looks for work')
        .argParser(milliseconds(10))
        .default(1_000),
    )
    .addOption(
      option('--health <host:port>', 'where /livez and /readyz are served')
        .argParser(address)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1:0'),
    )
    .addOption(option('--metrics <host:port>', 'where /metrics is served for Prometheus').argParser(address))
    .addOption(
      option('--grace-ms <ms>', 'how long a drain may take').argParser(milliseconds(0)).default(10_000),
    )
    .addOption(
      option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addOption(option('--stop-on-stdin-end', 'stop at once when standard input ends').default(false));
}

export type ProviderName = 'process' | 'kubernetes';

export const providerOption = () =>
  option('--provider <name>', 'where machines come from')
    .choices(['process', 'kubernetes'])
    .default('process');

export function withProvider(command: Command): Command {
  return withCommon(command)
    .addOption(providerOption())
    .addOption(
      option('--machines-directory <path>', "where the process provider keeps its machines' folders"),
    )
    .addOption(
      option(
        '--machines-namespace <name>',
        'where the kubernetes provider has its Pods; else the namespace of KUBECONFIG, or of its own Pod',
      ),
    )
    .addOption(
      option(
        '--machine-template <name>',
        'the PodTemplate of that namespace that the kubernetes provider makes machines from',
      ).default('machine'),
    )
    .addOption(
      option('--agent-api <urls>', "base URLs of the agent API's replicas, separated by commas")
        .argParser(urls)
        .default([], 'none'),
    )
    .addOption(
      option('--agent-heartbeat-ms <ms>', 'how often agents send a heartbeat')
        .argParser(milliseconds(50))
        .default(5_000),
    )
    .addOption(
      option('--agent-lost-after-ms <ms>', 'an agent ends when the API accepted nothing for so long')
        .argParser(milliseconds(1_000))
        .default(600_000),
    )
    .addOption(
      option('--create-delay-ms <ms>', 'how long it takes to get a machine')
        .argParser(milliseconds(0))
        .default(0),
    )
    .addOption(
      option('--boot-delay-ms <ms>', 'how long a machine takes before its agent comes up')
        .argParser(milliseconds(0))
        .default(0),
    );
}

export const silentOption = () =>
  option('--silent-ms <ms>', 'an agent without a heartbeat for so long is silent')
    .argParser(milliseconds(100))
    .default(30_000);

export const firstHeartbeatOption = () =>
  option('--first-heartbeat-ms <ms>', 'how long a started agent may take to its first heartbeat')
    .argParser(milliseconds(100))
    .default(60_000);

export const retryOption = () =>
  option('--retry-ms <ms>', 'how long after a failed installation to ask again')
    .argParser(milliseconds(100))
    .default(60_000);
