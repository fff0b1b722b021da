import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';

const PATH = /^\/api\/v1\/namespaces\/here\/secrets\/([^?]+)/;

test('the Job asks for what is not there or ends soon, and writes it with the authority first', async () => {
  const work = await mkdtemp(join(tmpdir(), 'holdfast-certificates-'));
  const pem = await makeCertificates(work);
  // It stands in for the API server: Secrets by name, a merge of none; what is there cannot be made.
  const secrets = new Map<
    string,
    { data: Record<string, string>; stringData?: Record<string, string>; type: string }
  >();
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      const made = JSON.parse(await new Response(request as never).text());
      const isThere = secrets.has(made.metadata.name);
      if (!isThere) secrets.set(made.metadata.name, made);
      response.writeHead(isThere ? 409 : 201).end('{}');
      return;
    }
    const name = PATH.exec(request.url ?? '')![1]!;
    if (request.method === 'PATCH')
      secrets.set(name, JSON.parse(await new Response(request as never).text()));
    response.writeHead(secrets.has(name) ? 200 : 404).end(JSON.stringify(secrets.get(name) ?? {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await writeFile(join(work, 'list'), 'node\njanitor\n');
  await writeFile(join(work, 'token'), 'token');
  const API = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keep = async (what: string) => {
    const env = {
      ...process.env,
      API,
      NAMESPACE: 'here',
      WORK: work,
      LIST: join(work, 'list'),
      TOKEN_FILE: join(work, 'token'),
    };
    const child = spawn(process.execPath, ['k8s/certificates/keep.mjs', what], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect((await once(child, 'exit'))[0]).toBe(0);
  };
  await keep('read');
  expect(await readFile(join(work, 'wanted'), 'utf8')).toBe('node\njanitor\n');

  for (const name of ['ca', 'node', 'janitor']) {
    await mkdir(join(work, name));
    await writeFile(join(work, name, 'ca.crt'), await readFile(pem.ca));
    await writeFile(join(work, name, 'tls.crt'), await readFile(pem.clientCert));
    await writeFile(join(work, name, 'tls.key'), await readFile(pem.clientKey));
  }
  await keep('write');
  expect([...secrets.keys()]).toEqual([
    'certificate-ca',
    'certificate-node',
    'certificate-janitor',
    'console-token',
  ]);
  const { token } = secrets.get('console-token')!.stringData!;
  expect(token).toMatch(/^[\w-]{32}$/);
  const { type, data } = secrets.get('certificate-janitor')!;
  expect([type, Object.keys(data)]).toEqual(['kubernetes.io/tls', ['ca.crt', 'tls.crt', 'tls.key']]);

  await keep('write');
  expect(secrets.get('console-token')!.stringData).toEqual({ token });

  // Those of this test end within two days.
  await keep('read');
  expect(await readFile(join(work, 'wanted'), 'utf8')).toBe('node\njanitor\n');
  server.close();
  await rm(work, { recursive: true, force: true });
});
