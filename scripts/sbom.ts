/**
 * Writes what the image has, as CycloneDX: the packages that the Dockerfile leaves in it, and Node. `npm run sbom -- FILE`, or to
 * standard output. npm makes it of the lock file; it has the command from its release 10 on, and asks no registry.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = new URL('../', import.meta.url);
const run = promisify(execFile);
const read = async (path: string) => JSON.parse(await readFile(new URL(path, root), 'utf8'));

/** Workspaces whose packages stay in the image: those that the Dockerfile's last word to npm names. */
const prune = /npm prune --omit=dev --omit=optional ([^&]*)/.exec(
  await readFile(new URL('Dockerfile', root), 'utf8'),
);
if (!prune) throw new Error('the Dockerfile does not prune its packages any more: mend scripts/sbom.ts');
const workspaces = [...prune[1]!.matchAll(/--workspace=(\S+)/g)].map(([, folder]) => folder!);

/** A package.json without what the Dockerfile omits. */
const kept = async (path: string) => {
  const { devDependencies: _dev, optionalDependencies: _optional, ...manifest } = await read(path);
  return manifest;
};
const { version, ...manifest } = await kept('package.json');
const lock = await read('package-lock.json');
const folder = await mkdtemp(join(tmpdir(), 'holdfast-sbom-'));
try {
  // npm's own filters know neither the root beside workspaces nor packages that are needed twice: so a lock file of these alone.
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, version, workspaces }));
  for (const workspace of workspaces) {
    const path = join(folder, workspace, 'package.json');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify({ ...(await kept(`${workspace}/package.json`)), version }));
  }
  await copyFile(new URL('package-lock.json', root), join(folder, 'package-lock.json'));
  const npm = (...args: string[]) => run('npm', args, { cwd: folder, maxBuffer: 64 * 2 ** 20 });
  await npm('install', '--package-lock-only', '--offline', '--ignore-scripts', '--no-audit', '--no-fund');
  const { stdout } = await npm(
    'sbom',
    '--package-lock-only',
    '--sbom-format=cyclonedx',
    '--sbom-type=application',
  );
  const sbom = JSON.parse(stdout) as { components: object[]; metadata: { component: { name: string } } };
  sbom.metadata.component.name = manifest.name;
  const node = lock.packages['node_modules/node'] as { version: string };
  sbom.components.push({
    'bom-ref': `node@${node.version}`,
    type: 'application',
    name: 'node',
    version: node.version,
    scope: 'required',
    purl: `pkg:npm/node@${node.version}`,
  });
  const text = `${JSON.stringify(sbom, null, 2)}\n`;
  const [out] = process.argv.slice(2);
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
} finally {
  await rm(folder, { recursive: true, force: true });
}
