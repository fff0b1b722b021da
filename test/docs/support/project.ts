import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Block, fileOf, root } from './blocks.ts';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What came of a page's examples: as many results as were begun and got to an end. */
export interface PageRun extends Ended {
  readonly results: readonly { readonly output: string; readonly error?: string }[];
}

/** What an example may use without saying where it comes from. */
const GLOBALS = `import type { Database, Session, Work } from 'holdfast';
type Names = { db: Database; session: Session; work: Work };
declare global {
  const db: Names['db'];
  const session: Names['session'];
  const work: Names['work'];
}
`;

/** Longest that one command of this suite may take; none should come near it. */
const LIMIT_MS = 160_000;

/** Runs Node with these arguments until it ends by itself: an example that never ends is a failure. */
export function runNode(
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The package's public entry points, and no others, with their sources. */
async function entryPoints(): Promise<Record<string, readonly string[]>> {
  const { name, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const paths = Object.entries(exports as Record<string, { default?: string }>).flatMap(
    ([path, { default: built }]) =>
      built
        ? [[name + path.slice(1), [join(root, built.replace('./dist', 'src').replace(/js$/, 'ts'))]]]
        : [],
  );
  return Object.fromEntries(paths);
}

/** A folder with every example in a file of its own, one sub-folder a page, as a user's project would have it. */
export class ExampleProject implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<ExampleProject> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-docs-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    await writeFile(join(folder, 'globals.d.ts'), GLOBALS);
    return new ExampleProject(folder);
  }

  /** The folder of a page's files. */
  pageFolder(page: string): string {
    return join(this.folder, page.replace(/^docs\//, '').replace(/\.md$/, ''));
  }

  pathOf(block: Block): string {
    return join(this.pageFolder(block.page), fileOf(block) ?? `line-${block.line}.ts`);
  }

  /** Writes a block so that its lines have the numbers that they have in the page. */
  async write(block: Block): Promise<void> {
    const path = this.pathOf(block);
    await mkdir(dirname(path), { recursive: true });
    const shift = block.language === 'ts' ? '\n'.repeat(block.line - 1) : '';
    await writeFile(path, shift + block.text);
  }

  /** Checks all of them in one program; gives the compiler's complaints by page and line. */
  async typeCheck(): Promise<string> {
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      types: ['node'],
      module: 'nodenext',
      moduleDetection: 'force',
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      erasableSyntaxOnly: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      noEmit: true,
      paths: await entryPoints(),
    };
    await writeFile(join(this.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['.'] }));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { code, stdout, stderr } = await runNode([tsc, '-p', '.', '--pretty', 'false'], {
      cwd: this.folder,
    });
    if (code !== 0 && stdout === '') throw new Error(`tsc ended with ${code}: ${stderr}`);
    return stdout.replaceAll(/^(\S+)\/line-\d+\.ts/gm, '$1.md');
  }

  /** Runs a page's examples in their order, in one process, against a database. */
  async runPage(blocks: readonly Block[], databaseUrl: string): Promise<PageRun> {
    const cwd = this.pageFolder(blocks[0]!.page);
    const steps = blocks.map((block) =>
      block.language === 'sql' ? { sql: block.text } : { path: this.pathOf(block) },
    );
    await mkdir(cwd, { recursive: true });
    const [stepsFile, resultsFile] = [join(cwd, 'steps.json'), join(cwd, 'results.json')];
    await writeFile(stepsFile, JSON.stringify(steps));
    const hook = new URL('./resolve-holdfast.mjs', import.meta.url).href;
    const runner = fileURLToPath(new URL('./run-page.mjs', import.meta.url));
    const ended = await runNode(['--import', hook, runner, stepsFile, resultsFile], {
      cwd,
      env: { HOLDFAST_DATABASE_URL: databaseUrl, NODE_NO_WARNINGS: '1' },
    });
    const results = await readFile(resultsFile, 'utf8').then(JSON.parse, () => []);
    return { ...ended, results };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
