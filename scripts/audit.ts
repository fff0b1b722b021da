/**
 * Asks the registry for advisories about what the lock files name, and whether the packages that are installed are signed by it.
 * Exit code 1: something was found. 3: the registry could not be asked, so nothing is known.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The folders of the lock files; the second one makes the API reference. */
const FOLDERS = ['', 'docs/api/'];
const NOT_ASKED = 3;

interface Report {
  readonly error?: { readonly code?: string; readonly summary?: string };
  readonly message?: string;
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly range: string; readonly via: readonly unknown[] }>
  >;
  readonly invalid?: readonly { readonly name: string; readonly version: string }[];
  readonly missing?: readonly { readonly name: string; readonly version: string }[];
}

/** Runs npm, which writes JSON whatever it finds. Undefined: it found nobody to ask. */
async function ask(folder: string, args: readonly string[]): Promise<Report | undefined> {
  const cwd = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const options = { cwd, timeout: 300_000, maxBuffer: 64 * 2 ** 20 };
  const stdout = await new Promise<string>((resolve) => {
    execFile(
      'npm',
      ['audit', ...args, '--json', '--fetch-retries=0', ...process.argv.slice(2)],
      options,
      (_error, out) => resolve(out),
    );
  });
  const report = parsed(stdout);
  return report === undefined || report.error !== undefined || report.message !== undefined
    ? undefined
    : report;
}

function parsed(text: string): Report | undefined {
  try {
    return JSON.parse(text) as Report;
  } catch {
    return undefined;
  }
}

const said: string[] = [];
let unasked = false;
for (const folder of FOLDERS) {
  const lock = `${folder}package-lock.json`;
  const advisories = await ask(folder, ['--package-lock-only']);
  if (!advisories?.vulnerabilities) unasked = true;
  for (const [name, { severity, range, via }] of Object.entries(advisories?.vulnerabilities ?? {})) {
    const titles = via.map((one) => (typeof one === 'string' ? one : (one as { title: string }).title));
    said.push(`${lock}: ${name} ${range}: ${severity}: ${titles.join('; ')}`);
  }
}
const signatures = await ask('', ['signatures']);
if (!signatures?.invalid) unasked = true;
for (const { name, version } of signatures?.invalid ?? [])
  said.push(`${name} ${version}: its signature is not the registry's`);
for (const { name, version } of signatures?.missing ?? []) said.push(`${name} ${version}: it is not signed`);

for (const line of said) console.error(line);
if (unasked)
  console.error(
    'audit: the registry could not be asked for all of it: try it where advisories and keys can be had',
  );
if (!unasked && said.length === 0) console.log('audit: no advisory, and every package is signed');
process.exitCode = said.length > 0 ? 1 : unasked ? NOT_ASKED : 0;
