import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Engine } from '../../../src/compiler/engine/engine.ts';
import {
  type CompileConfig,
  compileTargets,
  formatDiagnostic,
  QueryCache,
  readConfig,
  readTargets,
  writeTargets,
} from '../../../src/compiler/index.ts';

const runtime = fileURLToPath(new URL('../../../src/query/index.ts', import.meta.url));

/** A folder with the files of a project, and a configuration of one target. */
export interface Project extends AsyncDisposable {
  readonly root: string;
  put(name: string, text: string | Uint8Array): Promise<void>;
  config(): Promise<CompileConfig>;
  /** What was said, each with its place; nothing is written where it is an error. */
  compile(engine: Engine): Promise<string[]>;
  module<M>(name: string): Promise<M>;
}

export async function createProject(
  target: object,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Project> {
  const root = await mkdtemp(path.join(tmpdir(), 'holdfast-project-'));
  const project: Project = {
    root,
    put: async (name, text) => {
      const full = path.join(root, name);
      await mkdir(path.dirname(full), { recursive: true });
      await writeFile(full, text);
    },
    config: () => readConfig(path.join(root, 'holdfast.config.json')),
    compile: async (engine) => {
      const config = await project.config();
      const targets = await readTargets(config);
      const { compiled, diagnostics } = await compileTargets(targets, engine, new QueryCache(config));
      if (!diagnostics.some(({ severity }) => severity === 'error'))
        await writeTargets(config, compiled, 'any', diagnostics);
      return diagnostics.map(formatDiagnostic);
    },
    module: (name) => import(pathToFileURL(path.join(root, name)).href),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
  for (const [name, text] of Object.entries(files)) await project.put(name, text);
  const compile = (Array.isArray(target) ? target : [target]).map((each) => ({ runtime, ...each }));
  await project.put('holdfast.config.json', JSON.stringify({ compile }, null, 1));
  return project;
}
