import { expectTypeOf, test } from 'vitest';
import { batched, concurrently, each, gather, Pipeline, type Stage } from '../../src/pipeline/index.ts';

interface Foo {
  a: string;
}

test('what goes on has the type of what the function gives, and of the item where it gives nothing', () => {
  expectTypeOf(each('x', async (_: Foo) => {})).toEqualTypeOf<Stage<Foo>>();
  expectTypeOf(each('x', (_: Foo) => {})).toEqualTypeOf<Stage<Foo>>();
  expectTypeOf(each('x', async (_: Foo) => 1)).toEqualTypeOf<Stage<Foo, number>>();
  expectTypeOf(each('x', (foo: Foo) => (foo.a ? null : undefined))).toEqualTypeOf<Stage<Foo>>();
  expectTypeOf(each('x', async (foo: Foo) => (foo.a ? null : 7))).toExtend<Stage<Foo, number>>();
  expectTypeOf(each('x', async (foo: Foo) => (foo.a ? 7 : undefined))).toExtend<Stage<Foo, number | Foo>>();
  expectTypeOf(each<Foo>('x', () => {})).toEqualTypeOf<Stage<Foo>>();
  expectTypeOf(batched('x', async (_: readonly Foo[]) => {}, { size: 1 })).toEqualTypeOf<Stage<Foo>>();
  expectTypeOf(gather('x', (all: readonly Foo[]) => all.map(({ a }) => a))).toEqualTypeOf<
    Stage<Foo, string>
  >();
  const pipeline = new Pipeline<Foo>([each('a', async () => {})])
    .append(concurrently('b', async (_: Foo) => {}, { limit: 1 }))
    .append(each('c', (foo) => foo.a.length));
  expectTypeOf(pipeline).toEqualTypeOf<Pipeline<Foo, number>>();
});
