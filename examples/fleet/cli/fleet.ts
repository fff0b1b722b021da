/** `npm run fleet -- <component>`: the reference fleet's components, each a process of its own. */
import type { Command } from 'commander';
import { addUrlOption, databaseUrl } from '../../../src/cli/support/database-url.ts';
import { milliseconds } from '../../../src/cli/support/numbers.ts';
import { UsageError } from '../../../src/cli/support/usage-error.ts';
import type { FleetJanitorOptions, Provider, ServeOptions } from '../src/index.ts';
import {
  address,
  type CommonFlags,
  type ConsoleFlags,
  firstHeartbeatOption,
  option,
  type ProviderFlags,
  type ProviderName,
  providerOption,
  retryOption,
  silentOption,
  urls,
  withCommon,
  withProvider,
} from './options.ts';

// Each command loads its own component only: a fleet starts many of these processes.
async function createProvider(flags: ProviderFlags & Pick<CommonFlags, 'logLevel'>): Promise<Provider> {
  const agentFlags = [
    '--agent-api',
    flags.agentApi.join(','),
    '--agent-heartbeat-ms',
    String(flags.agentHeartbeatMs),
    '--agent-lost-after-ms',
    String(flags.agentLostAfterMs),
  ];
  if (flags.provider === 'kubernetes') {
    const { KubernetesProvider } = await import('../src/provider/kubernetes-provider.ts');
    const { createLogger } = await import('../src/logger.ts');
    const log = createLogger('provider', flags.logLevel);
    return new KubernetesProvider({
      namespace: flags.machinesNamespace,
      template: flags.machineTemplate,
      agentArguments: agentFlags,
      onEnded: (providerId, why) => log.warn({ providerId, why }, 'a machine has ended by itself'),
    });
  }
  if (flags.machinesDirectory === undefined)
    throw new UsageError('name the folder of the machines: --machines-directory /var/lib/fleet');
  const { ProcessProvider } = await import('../src/provider/process-provider.ts');
  const main = process.argv[1] as string;
  return new ProcessProvider({
    directory: flags.machinesDirectory,
    createDelayMs: flags.createDelayMs,
    bootDelayMs: flags.bootDelayMs,
    agentCommand: [process.execPath, ...process.execArgv, main, 'fleet', 'agent', ...agentFlags],
  });
}

const serving = (flags: CommonFlags): ServeOptions => ({ ...flags, databaseUrl: databaseUrl(flags.url) });

/** Adds `fleet` and its commands. */
export function register(program: Command): void {
  const fleet = program
    .command('fleet')
    .description('the reference fleet: machines kept running by components that may die at any time');

  withProvider(fleet.command('provisioner'))
    .description(
      'create the machines of the inventory, adopt or destroy machines that nobody knows, retire what is not wanted',
    )
    .addOption(
      option('--inventory <file>', 'YAML file with the machines that are wanted').makeOptionMandatory(),
    )
    .addOption(
      option('--reconcile-interval-ms <ms>', 'how often provider, database and inventory are compared')
        .argParser(milliseconds(100))
        .default(10_000),
    )
    .action(
      async (flags: CommonFlags & ProviderFlags & { inventory: string; reconcileIntervalMs: number }) => {
        const { readInventory } = await import('../src/inventory/inventory.ts');
        const { runProvisioner } = await import('../src/components/provisioner.ts');
        const { serveComponent } = await import('../src/components/serve.ts');
        // A bad inventory is refused before anything is started.
        await readInventory(flags.inventory);
        // Machines that are Pods know from the beginning where their agents speak.
        if (flags.provider === 'kubernetes') requireApi(flags);
        const provider = await createProvider(flags);
        await serveComponent('provisioner', serving(flags), (db, log) =>
          runProvisioner(db, { ...flags, log, provider, inventoryFile: flags.inventory }),
        );
      },
    );

  withProvider(fleet.command('initializer'))
    .description('start the first agent on machines that have none')
    .action(async (flags: CommonFlags & ProviderFlags) => {
      const { runInitializer } = await import('../src/components/initializer.ts');
      const { serveComponent } = await import('../src/components/serve.ts');
      requireApi(flags);
      const provider = await createProvider(flags);
      await serveComponent('initializer', serving(flags), (db, log) =>
        runInitializer(db, { ...flags, log, provider }),
      );
    });

  withProvider(fleet.command('recoverer'))
    .description('start another agent where one never spoke or fell silent')
    .addOption(silentOption())
    .addOption(firstHeartbeatOption())
    .action(async (flags: CommonFlags & ProviderFlags & { silentMs: number; firstHeartbeatMs: number }) => {
      const { runRecoverer } = await import('../src/components/recoverer.ts');
      const { serveComponent } = await import('../src/components/serve.ts');
      requireApi(flags);
      const provider = await createProvider(flags);
      await serveComponent('recoverer', serving(flags), (db, log) =>
        runRecoverer(db, { ...flags, log, provider }),
      );
    });

  withCommon(fleet.command('installer'))
    .description('ask agents to install the operating system that the inventory wants')
    .addOption(silentOption())
    .addOption(retryOption())
    .action(async (flags: CommonFlags & { silentMs: number; retryMs: number }) => {
      const { runInstaller } = await import('../src/components/installer.ts');
      const { serveComponent } = await import('../src/components/serve.ts');
      await serveComponent('installer', serving(flags), (db, log) => runInstaller(db, { ...flags, log }));
    });

  withCommon(fleet.command('agent-api'))
    .description("serve the agents' HTTP API")
    .addOption(
      option('--listen <host:port>', 'where agents reach it')
        .argParser(address)
        .default({ host: '127.0.0.1', port: 8070 }, '127.0.0.1:8070'),
    )
    .addOption(
      option('--signature-window-ms <ms>', "how far an agent's clock may differ")
        .argParser(milliseconds(1_000))
        .default(60_000),
    )
    .action(
      async (flags: CommonFlags & { listen: { host: string; port: number }; signatureWindowMs: number }) => {
        const { runAgentApi } = await import('../src/components/agent-api.ts');
        const { serveComponent } = await import('../src/components/serve.ts');
        const { signatureWindowMs } = flags;
        await serveComponent('agent-api', serving(flags), (db, log) =>
          runAgentApi(db, { ...flags.listen, log, signatureWindowMs }),
        );
      },
    );

  withCommon(fleet.command('console'))
    .description('pages for operators: what is stuck and why, with the machines and their tags')
    .addOption(
      option('--pages <host:port>', 'where people reach it')
        .argParser(address)
        .default({ host: '127.0.0.1', port: 8090 }, '127.0.0.1:8090'),
    )
    .addOption(option('--token-file <file>', 'people log in with the token that is in it'))
    .addOption(option('--user-header <name>', 'the header in which a proxy says who is there'))
    .addOption(option('--base-url <url>', 'where people reach it, where a proxy stands before it'))
    .addOption(option('--actions', 'let people change something').default(false))
    .action(async (flags: CommonFlags & ConsoleFlags) => {
      const { runFleetConsole } = await import('../src/components/console.ts');
      const { serveComponent } = await import('../src/components/serve.ts');
      await serveComponent('console', serving(flags), (db, log) =>
        runFleetConsole(db, { ...flags, ...flags.pages, log }),
      );
    });

  withCommon(fleet.command('janitor'))
    .description('delete what is dead and old, and measure the fleet')
    .addOption(providerOption())
    .addOption(silentOption())
    .addOption(firstHeartbeatOption())
    .addOption(retryOption())
    .addOption(
      option('--sweep-interval-ms <ms>', 'how often to sweep').argParser(milliseconds(100)).default(30_000),
    )
    .action(async (flags: CommonFlags & JanitorFlags) => {
      const { runFleetJanitor } = await import('../src/components/janitor.ts');
      const { serveComponent } = await import('../src/components/serve.ts');
      await serveComponent('janitor', serving(flags), (db, log) =>
        runFleetJanitor(db, { ...flags, log, provider: { name: flags.provider } }),
      );
    });

  fleet
    .command('agent')
    .description('run the agent of one machine (started by the process provider)')
    .requiredOption('--machine-id <uuid>', 'the machine')
    .requiredOption('--directory <path>', "the agent's folder, as the provider made it")
    .requiredOption('--agent-api <urls>', 'base URLs of the agent API', urls)
    .option('--agent-heartbeat-ms <ms>', 'how often to send a heartbeat', milliseconds(50), 5_000)
    .option(
      '--agent-lost-after-ms <ms>',
      'end when nothing was accepted for so long',
      milliseconds(1_000),
      600_000,
    )
    .action(runAgent);

  fleet
    .command('machine')
    .description('be a machine that is a Pod, and run its agents (started by the kubernetes provider)')
    .requiredOption('--machine-id <uuid>', 'the machine')
    .requiredOption('--directory <path>', "the machine's folder, which outlives the container")
    .requiredOption('--epoch-file <path>', "the file with the Pod's annotation")
    .requiredOption('--agent-api <urls>', 'base URLs of the agent API', urls)
    .option('--agent-heartbeat-ms <ms>', 'how often to send a heartbeat', milliseconds(50), 5_000)
    .option(
      '--agent-lost-after-ms <ms>',
      'end when nothing was accepted for so long',
      milliseconds(1_000),
      600_000,
    )
    .action(runMachineProcess);

  addUrlOption(fleet.command('machines'))
    .description('list the machines and their states')
    .addOption(silentOption())
    .action(async (flags: { url?: string; silentMs: number }) => {
      const { printMachines } = await import('./machines.ts');
      await printMachines(databaseUrl(flags.url), flags.silentMs);
    });
}

function requireApi(flags: ProviderFlags): void {
  if (flags.agentApi.length === 0)
    throw new UsageError('name the agent API that agents are to talk to: --agent-api http://127.0.0.1:8070');
}

type JanitorFlags = Omit<FleetJanitorOptions, 'log' | 'provider'> & { readonly provider: ProviderName };

interface AgentFlags {
  readonly machineId: string;
  readonly directory: string;
  readonly agentApi: string[];
  readonly agentHeartbeatMs: number;
  readonly agentLostAfterMs: number;
}

/** What an agent and a machine have in common: how they speak to the API, their log, and when they are to stop. */
async function speaking(name: string, flags: AgentFlags) {
  const { createLogger } = await import('../src/logger.ts');
  const log = createLogger(name, 'info', 2);
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort()).once('SIGINT', () => stopping.abort());
  const settings = {
    machineId: flags.machineId,
    directory: flags.directory,
    apiUrls: flags.agentApi,
    heartbeatIntervalMs: flags.agentHeartbeatMs,
    lostAfterMs: flags.agentLostAfterMs,
    onEvent: (event: string, details: object) => log.info(details, event),
  };
  return { log, settings, stopping: stopping.signal };
}

async function runMachineProcess(flags: AgentFlags & { readonly epochFile: string }): Promise<void> {
  const { runMachine } = await import('../src/agent/machine-process.ts');
  const { settings, stopping } = await speaking('machine', flags);
  const say = (line: string) => process.stdout.write(`${line}\n`);
  await runMachine({ ...settings, epochFile: flags.epochFile, say }, stopping);
}

async function runAgent(flags: AgentFlags): Promise<void> {
  const { runAgentProcess } = await import('../src/agent/agent-process.ts');
  const { log, settings, stopping } = await speaking('agent', flags);
  const onStarted = (publicKey: Uint8Array) =>
    process.stdout.write(`${Buffer.from(publicKey).toString('base64')}\n`);
  const end = await runAgentProcess({ ...settings, onStarted }, stopping);
  log.info({ end }, 'ended');
  process.exitCode = end === 'lost' ? 1 : 0;
}
