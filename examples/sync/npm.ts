/** The real npm client, which can reach one registry and nothing else. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Installed {
  readonly packages: number;
  /** Those whose tarballs came from elsewhere. */
  readonly fromElsewhere: readonly string[];
}

/** Installs a package from a registry into a new folder, with a cache of its own. */
export async function install(
  folder: string,
  registry: string,
  spec: string,
  signal: AbortSignal,
): Promise<Installed> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'client', private: true }));
  const settings = {
    registry: `${registry}/`,
    cache: join(folder, 'cache'),
    userconfig: join(folder, 'npmrc'),
    globalconfig: join(folder, 'global-npmrc'),
    proxy: UNREACHABLE,
    'https-proxy': UNREACHABLE,
    noproxy: '127.0.0.1',
    'fetch-retries': '0',
  };
  const options = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-update-notifier'];
  // What the npm that runs this program has told it would be told to that one, too.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|_proxy$/i.test(name));
  await run('npm', ['install', spec, ...options, ...quiet], {
    cwd: folder,
    signal,
    env: { ...Object.fromEntries(inherited), HOME: folder, TMPDIR: temporary },
  });
  const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string }>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  return {
    packages: packages.length,
    fromElsewhere: packages
      .filter(([, { resolved }]) => !resolved?.startsWith(registry))
      .map(([path]) => path),
  };
}

/** Nobody listens there. */
const UNREACHABLE = 'http://127.0.0.1:9';
