import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { reachedFrom, readGraph, readImports, roomOf, root } from './imports.ts';

const imports = await readImports();
const graph = await readGraph();
const rooms = [...graph.keys()];

const arrow = ({ from, to }: { from: string; to?: string | undefined }) => `${from} -> ${to}`;

test('every room is in the table of docs/architecture.md', async () => {
  const entries = await readdir(join(root, 'src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.filter((room) => !rooms.includes(room))).toEqual([]);
});

test('each room imports the rooms that its row of the table names, and no others', () => {
  const used = new Map(rooms.map((room) => [room, new Set<string>()]));
  for (const { from, to } of imports) {
    const room = roomOf(from);
    const target = to === undefined ? undefined : roomOf(to);
    if (room !== undefined && target !== undefined && room !== target) used.get(room)?.add(target);
  }
  const sorted = (names: Iterable<string>) => [...names].sort();
  expect(rooms.map((room) => [room, sorted(used.get(room)!)])).toEqual(
    rooms.map((room) => [room, sorted(graph.get(room)!)]),
  );
});

test('rooms do not import each other in circles', () => {
  const open = new Map([...graph].map(([room, targets]) => [room, new Set(targets)]));
  for (;;) {
    const leaves = [...open].filter(([, targets]) => targets.size === 0).map(([room]) => room);
    if (leaves.length === 0) break;
    for (const leaf of leaves) open.delete(leaf);
    for (const targets of open.values()) for (const leaf of leaves) targets.delete(leaf);
  }
  expect([...open.keys()]).toEqual([]);
});

test('the examples stand on the public entry points, and on the support of the command line', async () => {
  const allowed =
    /^(index|runtime|commands\/index|operations\/index|workflows\/index|sync\/index|plugins\/index|serving\/index|console\/index|testing\/index|telemetry\/index|cli\/program|cli\/support\/[a-z-]+)\.ts$/;
  const outside = (await readImports(join(root, 'examples'))).flatMap(({ from, to }) => {
    const target = to === undefined ? undefined : relative(join(root, 'src'), join(root, 'examples', to));
    return target === undefined || target.startsWith('..') || allowed.test(target)
      ? []
      : [`${from} -> ${target}`];
  });
  expect(outside).toEqual([]);
});

test('nothing imports the command line, and nothing but it the main entry point', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (to === undefined) return false;
    const room = roomOf(from);
    return room !== 'cli' && (to === 'index.ts' || roomOf(to) === 'cli');
  });
  expect(wrong.map(arrow)).toEqual([]);
});

/**
 * Classes of one room that know each other, by types alone: what a session claims knows its session. An interface between
 * them would say the same twice.
 */
const PAIRS = [
  ['database/lease.ts', 'database/pool.ts'],
  ['operations/operation-work.ts', 'operations/pipeline.ts'],
  ['work/session.ts', 'work/work.ts'],
];

test('no file imports itself by a detour: not by types or later imports either, but for pairs of classes', async () => {
  const edges = new Map<string, string[]>();
  for (const { from, to } of await readImports(undefined, true))
    if (to !== undefined) edges.set(from, [...(edges.get(from) ?? []), to]);
  const reached = new Map([...edges.keys()].map((file) => [file, reachedFrom(file, edges)]));
  const circles = new Set(
    [...reached]
      .filter(([file, files]) => files.has(file))
      .map(([file, files]) =>
        [...files]
          .filter((other) => reached.get(other)?.has(file))
          .sort()
          .join(' '),
      ),
  );
  expect([...circles].sort()).toEqual(PAIRS.map((pair) => pair.join(' ')));
});

test('what files import of each other when they load is never a circle', () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, eager } of imports)
    if (to !== undefined && eager) edges.set(from, [...(edges.get(from) ?? []), to]);
  expect([...edges.keys()].filter((file) => reachedFrom(file, edges).has(file))).toEqual([]);
});

test('every package that src imports is a dependency, and every dependency has its reason on its page', async () => {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const reasons = await readFile(join(root, 'docs', 'dependencies.md'), 'utf8');
  const dependencies = Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  });
  const imported = new Set(imports.flatMap(({ packageName }) => packageName ?? []));
  expect([...imported].filter((name) => !dependencies.includes(name))).toEqual([]);
  const all = [...dependencies, ...Object.keys(manifest.devDependencies)];
  expect(all.filter((name) => !reasons.includes(`\`${name}\``))).toEqual([]);
});
