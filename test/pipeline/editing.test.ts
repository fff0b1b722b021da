import { expect, test } from 'vitest';
import {
  batched,
  concurrently,
  each,
  gather,
  Pipeline,
  type Stage,
  stage,
} from '../../src/pipeline/index.ts';
import { numbers, outOf } from './support.ts';

const saying = (name: string) => each<string>(name, (item) => `${item}${name}`);
const abc = new Pipeline(['a', 'b', 'c'].map(saying));

test.each<[string, Pipeline<string>, string]>([
  ['append', abc.append(saying('d')), 'abcd'],
  ['before', abc.before('a', saying('x')), 'xabc'],
  ['after', abc.after('c', saying('x')), 'abcx'],
  ['replace', abc.replace('b', saying('x')), 'axc'],
  [
    'replace by one of the same name',
    abc.replace(
      'b',
      each('b', (item) => `${item}B`),
    ),
    'aBc',
  ],
  ['without', abc.without('b'), 'ac'],
  ['reordered', abc.without('a').after('c', saying('a')), 'bca'],
  ['no stages', new Pipeline<string>(), ''],
])('%s gives a new pipeline', async (_, changed, letters) => {
  expect(changed.names).toEqual([...letters.toLowerCase()]);
  expect(await outOf(changed, ['-'])).toEqual([`-${letters}`]);
  expect(abc.names).toEqual(['a', 'b', 'c']);
  expect(await outOf(abc, ['-'])).toEqual(['-abc']);
});

test('a pipeline may run several times at once', async () => {
  const runs = numbers(5).map((i) => outOf(abc, Array(20).fill(String(i))));
  for (const [i, out] of (await Promise.all(runs)).entries()) expect(out).toEqual(Array(20).fill(`${i}abc`));
});

test('a stage that changes the type of items is appended', async () => {
  const lengths: Pipeline<string, number> = abc.append(each('length', (item: string) => item.length));
  expect(await outOf(lengths, ['', 'xyz'])).toEqual([3, 6]);
});

test.each<[string, () => unknown]>([
  ['stage: there is no x: the stages are a, b, c', () => abc.before('x', saying('d'))],
  ['stage: there is no x: the stages are a, b, c', () => abc.after('x', saying('d'))],
  ['stage: there is no x: the stages are a, b, c', () => abc.replace('x', saying('d'))],
  ['stage: there is no x: the stages are a, b, c', () => abc.without('x')],
  ['stage: there is no x: the pipeline has no stages', () => new Pipeline().without('x')],
  ['stage: the name a is taken: the stages are a, b, c, a', () => abc.append(saying('a'))],
  ['stage: the name source is taken: the stages are source', () => new Pipeline([saying('source')])],
  ['name: expected letters, digits, dots, dashes and underscores', () => new Pipeline([saying('a b')])],
  ['name: expected letters, digits, dots, dashes and underscores', () => new Pipeline([], { name: '' })],
  ['stage a: expected a function', () => stage('a', undefined as unknown as Stage<string>['run'])],
  ['stage a: expected a function', () => each('a', 'b' as never)],
  ['limit: Too small: expected number to be >=1', () => concurrently('a', () => {}, { limit: 0 })],
  ['size: Too small: expected number to be >=1', () => batched('a', () => {}, { size: 0 })],
  ['maxItems: Too small: expected number to be >=1', () => gather('a', () => {}, { maxItems: 0 })],
  ['batch.max: is less than batch.min', () => new Pipeline([{ ...saying('a'), batch: { min: 3, max: 2 } }])],
  ['queue: is less than batch.min', () => new Pipeline([{ ...saying('a'), batch: { min: 3 }, queue: 2 }])],
  [
    'batch.minimum: unknown option',
    () => new Pipeline([{ ...saying('a'), batch: { minimum: 3 } as object }]),
  ],
])('%s', (message, call) => {
  expect(call).toThrow(expect.objectContaining({ code: 'HOLDFAST_INVALID_OPTION', message }));
});

test('what a source cannot be is said when it runs', async () => {
  await expect(abc.run(7 as never)).rejects.toThrow('run: expected an async iterable');
});
