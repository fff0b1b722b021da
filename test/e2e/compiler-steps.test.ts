import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Block, blocksOf, fileOf, readPage, root } from '../docs/support/blocks.ts';

const page = 'docs/compiler.md';
const section = 'Five minutes';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-steps-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The blocks of a section, in its order. */
async function stepsOf(title: string): Promise<readonly Block[]> {
  const lines = (await readPage(page)).split('\n');
  const from = lines.indexOf(`## ${title}`) + 1;
  const to = lines.findIndex((line, i) => i >= from && line.startsWith('## ')) + 1;
  return (await blocksOf(page)).filter(({ line }) => line > from && line < to);
}

/** The package as it would be packed, built from this checkout, with the packages that it needs. */
async function buildPackage(): Promise<string> {
  const built = join(folder, 'holdfast');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  await mkdir(built);
  await promisify(execFile)(process.execPath, [
    tsc,
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(built, 'dist'),
  ]);
  await copyFile(join(root, 'package.json'), join(built, 'package.json'));
  for (const name of ['schema', 'queries', 'node_modules'])
    await symlink(join(root, name), join(built, name), 'dir');
  return built;
}

/** Runs a step as it stands in the page. A reader has no database: nothing of the environment points to one. */
function shell(text: string, cwd: string): Promise<{ code: number | null; stdout: string; all: string }> {
  const { DATABASE_URL: _, HOLDFAST_DATABASE_URL: __, ...env } = process.env;
  const PATH = `${dirname(process.execPath)}:${env['PATH']}`;
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-ec', text], {
      cwd,
      env: { ...env, PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let all = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      all += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      all += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, all }));
  });
}

test(`the steps of ${page} lead from an empty folder to what the page shows`, async () => {
  const steps = await stepsOf(section);
  expect(steps.filter(({ language }) => language === 'sh').length).toBeGreaterThanOrEqual(4);
  const cwd = join(folder, 'project');
  await mkdir(cwd);
  // The only difference to the page: what is installed is not in the registry yet, so it is linked.
  const built = await buildPackage();
  const link = `mkdir -p node_modules/.bin && ln -s '${built}' node_modules/holdfast && chmod +x '${built}/dist/cli/main.js' && ln -s ../holdfast/dist/cli/main.js node_modules/.bin/holdfast`;
  let installed = 0;
  let said = '';
  for (const step of steps) {
    const where = `${page}:${step.line}`;
    const file = fileOf(step);
    if (step.words.includes('output')) expect(said, where).toBe(step.text);
    else if (step.language === 'sh') {
      const text = step.text.replaceAll('npm install holdfast', () => {
        installed++;
        return link;
      });
      const { code, stdout, all } = await shell(text, cwd);
      expect(code, `${where}\n${all}`).toBe(0);
      said = stdout;
    } else if (file !== undefined) {
      await mkdir(dirname(join(cwd, file)), { recursive: true });
      await writeFile(join(cwd, file), step.text);
    } else throw new Error(`${where}: neither a command, nor a file, nor an output`);
  }
  expect(installed).toBe(1);
});
