// What is installed: asked about from the lock files, and listed for the image.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';

function run(
  script: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [`scripts/${script}.ts`, ...args],
      { maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

test('an advisory about a package of the lock files is told by name, and is a failure', async () => {
  const asked: string[][] = [];
  const registry = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (!request.url!.endsWith('/advisories/bulk')) return response.writeHead(404).end();
      const body = Buffer.concat(chunks);
      const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      asked.push(Object.keys(JSON.parse(String(text))));
      const advisory = {
        ...{ id: 1, url: 'https://example.com/1', title: 'It does what it should not', severity: 'high' },
        ...{ vulnerable_versions: '<999.0.0', cwe: [], cvss: { score: 8, vectorString: null } },
      };
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(asked.at(-1)!.includes('undici') ? { undici: [advisory] } : {}));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => registry.once('listening', resolve));
  const { port } = registry.address() as AddressInfo;
  const { code, stderr } = await run('audit', [`--registry=http://127.0.0.1:${port}/`]);
  registry.close();
  expect(stderr).toMatch(/^package-lock\.json: undici .*: high: It does what it should not$/m);
  expect(code).toBe(1);
  expect(asked).toHaveLength(2);
  expect(asked.flat()).toEqual(expect.arrayContaining(['pg', 'fastify', 'vitest', 'typedoc']));
});

test('a registry that cannot be asked is told in one line, and is neither a pass nor a finding', async () => {
  const { code, stdout, stderr } = await run('audit', [`--registry=http://127.0.0.1:${await freePort()}/`]);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
  expect(stderr).toBe(
    'audit: the registry could not be asked for all of it: try it where advisories and keys can be had\n',
  );
});

interface Locked {
  readonly name?: string;
  readonly version?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** What the root and the image's workspaces need, found as Node finds it: the nearest node_modules first. */
async function neededByImage(): Promise<{ readonly all: Set<string>; readonly optional: Set<string> }> {
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
    packages: Readonly<Record<string, Locked>>;
  };
  const line = /npm prune ([^&]*)/.exec(await readFile('Dockerfile', 'utf8'))![1]!;
  const all = new Set<string>();
  const optional = new Set<string>();
  const visit = (from: string) => {
    const { dependencies, peerDependencies, peerDependenciesMeta, optionalDependencies } = packages[from]!;
    for (const name of Object.keys(optionalDependencies ?? {})) optional.add(name);
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => !peerDependenciesMeta?.[name]?.optional,
    );
    for (const name of [...Object.keys(dependencies ?? {}), ...peers]) {
      if (optionalDependencies?.[name] !== undefined) continue;
      let folder = from;
      while (!packages[`${folder}${folder && '/'}node_modules/${name}`]) {
        if (folder === '') throw new Error(`${name} of ${from} is not in the lock file`);
        folder = folder.includes('/node_modules/')
          ? folder.slice(0, folder.lastIndexOf('/node_modules/'))
          : '';
      }
      const found = `${folder}${folder && '/'}node_modules/${name}`;
      const id = `${name}@${packages[found]!.version}`;
      if (all.has(id)) continue;
      all.add(id);
      visit(found);
    }
  };
  for (const from of ['', ...[...line.matchAll(/--workspace=(\S+)/g)].map(([, folder]) => folder!)])
    visit(from);
  return { all, optional };
}

test('the bill of materials names every package of the image with its version, and Node, and nothing that is not there', async () => {
  const { code, stdout, stderr } = await run('sbom', []);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const sbom = JSON.parse(stdout) as {
    bomFormat: string;
    components: { name: string; version: string; purl: string }[];
  };
  expect(sbom.bomFormat).toBe('CycloneDX');
  const named = sbom.components
    .filter(({ purl }) => !purl.startsWith('pkg:npm/holdfast'))
    .map(({ purl }) => decodeURIComponent(purl.replace('pkg:npm/', '')));
  const { all, optional } = await neededByImage();
  const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8'));
  all.add(`node@${packages['node_modules/node'].version}`);
  expect(all.size).toBeGreaterThan(60);
  expect([...all].filter((one) => !named.includes(one))).toEqual([]);
  const more = named.filter((one) => !all.has(one)).map((one) => one.slice(0, one.lastIndexOf('@')));
  expect(more.filter((name) => !optional.has(name))).toEqual([]);
});
