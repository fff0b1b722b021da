// `read`: which Secrets are not there, or end within 30 days? Writes them to /signing/wanted, and the authority to /signing/ca.
// `write`: makes Secrets of what stands in /signing, and the console's token where there is none.
import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const { NAMESPACE, API = 'https://kubernetes.default.svc', WORK = '/signing' } = process.env;
const TOKEN = process.env.TOKEN_FILE ?? '/var/run/secrets/kubernetes.io/serviceaccount/token';
const LIST = process.env.LIST ?? '/certificates/certificates.txt';
const RENEW_BEFORE_MS = 30 * 86_400_000;

async function ask(path, options = {}) {
  const response = await fetch(`${API}/api/v1/namespaces/${NAMESPACE}/secrets${path}`, {
    ...options,
    headers: { authorization: `Bearer ${readFileSync(TOKEN, 'utf8').trim()}`, ...options.headers },
  });
  if (response.status === 404 && !options.method) return undefined;
  // It is there already, and stays as it is.
  if (response.status === 409 && options.method === 'POST') return undefined;
  if (!response.ok)
    throw new Error(`${options.method ?? 'GET'} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const lines = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean);
const text = (secret, key) => Buffer.from(secret.data[key], 'base64').toString();
const lasts = (secret) =>
  Date.parse(new X509Certificate(text(secret, 'tls.crt')).validTo) > Date.now() + RENEW_BEFORE_MS;

async function read() {
  const authority = await ask('/certificate-ca');
  if (authority) {
    mkdirSync(`${WORK}/ca`, { recursive: true });
    for (const key of Object.keys(authority.data))
      writeFileSync(`${WORK}/ca/${key}`, text(authority, key), { mode: 0o600 });
  }
  const wanted = [];
  for (const name of lines(LIST)) {
    const secret = authority && (await ask(`/certificate-${name}`));
    if (!secret || !lasts(secret)) wanted.push(name);
  }
  writeFileSync(`${WORK}/wanted`, wanted.map((name) => `${name}\n`).join(''));
  console.log(wanted.length === 0 ? 'every certificate is there' : `to make: ${wanted.join(', ')}`);
}

async function write() {
  const names = lines(`${WORK}/wanted`);
  // The authority first: what it has signed is of no use without it.
  for (const name of names.length > 0 ? ['ca', ...names] : []) {
    const data = Object.fromEntries(
      ['ca.crt', 'tls.crt', 'tls.key'].map((key) => [
        key,
        readFileSync(`${WORK}/${name}/${key}`).toString('base64'),
      ]),
    );
    const metadata = { name: `certificate-${name}`, labels: { 'app.kubernetes.io/part-of': 'holdfast' } };
    await ask(`/certificate-${name}?fieldManager=certificates&force=true`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data }),
    });
  }
  console.log(`wrote ${names.length} certificates`);
  const token = randomBytes(24).toString('base64url');
  const isNew = await ask('', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'console-token', labels: { 'app.kubernetes.io/part-of': 'holdfast' } },
      stringData: { token },
    }),
  });
  if (isNew) console.log('wrote a token for the console');
}

await { read, write }[process.argv[2]]();
