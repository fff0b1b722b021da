import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readImports, roomOf, roomsInOrder, root } from './imports.ts';

const imports = await readImports();
const rooms = await roomsInOrder();

/** Rooms that may import less than all that lies below them. */
const only: Readonly<Record<string, readonly string[]>> = {
  compiler: ['database', 'query', 'base'],
  queries: ['query'],
};

/** What users can import, so what the reference fleet and the command line's demo may. */
const publicEntryPoints = ['index.ts', 'query/index.ts', 'testing/index.ts', 'telemetry/index.ts'];

const arrow = ({ from, to }: { from: string; to?: string | undefined }) => `${from} -> ${to}`;

test('every room is in the table of docs/architecture.md', async () => {
  const entries = await readdir(join(root, 'src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.filter((room) => !rooms.includes(room))).toEqual([]);
});

test('imports go down the table', () => {
  const wrong = imports.filter(({ from, to }) => {
    const room = roomOf(from);
    const target = to === undefined ? undefined : roomOf(to);
    if (room === undefined || target === undefined || room === target || room === 'fleet') return false;
    return !(only[room]?.includes(target) ?? rooms.indexOf(target) > rooms.indexOf(room));
  });
  expect(wrong.map(arrow)).toEqual([]);
});

test('the reference fleet stands on the public entry points alone', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (roomOf(from) !== 'fleet' || to === undefined || roomOf(to) === 'fleet') return false;
    return !publicEntryPoints.includes(to);
  });
  expect(wrong.map(arrow)).toEqual([]);
});

test('nothing imports the command line or the fleet, and no room but those two the main entry point', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (to === undefined) return false;
    const target = roomOf(to);
    const room = roomOf(from);
    if (target === 'cli' || target === 'fleet') return room !== target && room !== 'cli';
    return to === 'index.ts' && room !== 'cli' && room !== 'fleet';
  });
  expect(wrong.map(arrow)).toEqual([]);
});

test('no file imports itself by a detour', () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, eager } of imports) {
    if (to !== undefined && eager) edges.set(from, [...(edges.get(from) ?? []), to]);
  }
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    if (path.includes(file) || done.has(file)) return;
    for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) walk(file, []);
  expect(cycles).toEqual([]);
});

test('every package that src imports is a dependency, and every dependency has its reason on its page', async () => {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const reasons = await readFile(join(root, 'docs', 'dependencies.md'), 'utf8');
  const dependencies = Object.keys(manifest.dependencies);
  const imported = new Set(imports.flatMap(({ packageName }) => packageName ?? []));
  expect([...imported].filter((name) => !dependencies.includes(name))).toEqual([]);
  const all = [...dependencies, ...Object.keys(manifest.devDependencies)];
  expect(all.filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
});
